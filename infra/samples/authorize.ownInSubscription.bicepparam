using '../authorize.bicep'

param remediatorPrincipalId = '00000000-0000-4000-8000-00000000000a'
param mode = 'ownInSubscription'
