metadata description = 'Types and names that several files use.'

@export()
@description('Container the platform takes the code of the app from.')
var deploymentContainer = 'deployment'

@export()
@description('Container of events that could not be delivered.')
var deadLetterContainer = 'dead-letters'

@export()
@description('Names and values of tags.')
type tagSet = {
  @description('Value of the tag.')
  *: string
}

@export()
@description('Id of a management group, a subscription, a resource group or a virtual machine.')
@minLength(16)
type scopeId = string

@export()
@description('Which identity a VM should carry: one the app makes for each subscription and region, one of yours in each subscription, or one of yours for all.')
type identityMode = 'builtIn' | 'ownInSubscription' | 'ownCentral'

@export()
@description('A system topic for events of a subscription that was made by somebody else.')
type existingTopic = {
  @description('Resource group of the topic.')
  @minLength(1)
  @maxLength(90)
  resourceGroupName: string

  @description('Name of the topic.')
  @minLength(3)
  @maxLength(128)
  name: string
}

@export()
@description('Where Event Grid writes events that it could not deliver, and as whom.')
type deadLetterTarget = {
  @description('Id of the storage account.')
  storageAccountResourceId: string

  @description('Id of the identity that may write there, and that the system topic carries.')
  writerResourceId: string
}

@export()
@description('Ids of the identity the app signs in as.')
type remediatorIdentity = {
  @description('Client id, which the app asks for tokens with.')
  clientId: string

  @description('Object id, which roles are assigned to.')
  principalId: string
}

@export()
@description('Addresses of a storage account.')
type storageAddresses = {
  @description('Of its blobs.')
  blob: string

  @description('Of its queues.')
  queue: string

  @description('Of its tables.')
  table: string
}
