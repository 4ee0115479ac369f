using '../main.bicep'

param scopes = ['/providers/Microsoft.Management/managementGroups/contoso']
