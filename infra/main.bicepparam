// What `azd up` deploys with, and `az deployment sub create` too. Both read SCOPES from the environment.
using 'main.bicep'

param scopes = split(readEnvironmentVariable('SCOPES'), ',')

// Any other parameter of main.bicep can be set here, such as:
// param effect = 'AuditIfNotExists'

// How azd finds again what it made.
param tags = empty(readEnvironmentVariable('AZURE_ENV_NAME', ''))
  ? {}
  : { 'azd-env-name': readEnvironmentVariable('AZURE_ENV_NAME', '') }
