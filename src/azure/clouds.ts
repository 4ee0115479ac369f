/** Where a cloud's Resource Manager and sign-in are. */
export interface Cloud {
  readonly armEndpoint: string;
  /** The scope tokens for Resource Manager are asked for. */
  readonly tokenScope: string;
  readonly authorityHost: string;
  /** Where people look at resources. */
  readonly portal: string;
}

/** The clouds of `AZURE_CLOUD`. Source: the cloud tables of the Azure SDKs. */
export const clouds = {
  AzureCloud: {
    armEndpoint: 'https://management.azure.com',
    tokenScope: 'https://management.azure.com/.default',
    authorityHost: 'https://login.microsoftonline.com',
    portal: 'https://portal.azure.com',
  },
  AzureUSGovernment: {
    armEndpoint: 'https://management.usgovcloudapi.net',
    tokenScope: 'https://management.usgovcloudapi.net/.default',
    authorityHost: 'https://login.microsoftonline.us',
    portal: 'https://portal.azure.us',
  },
  AzureChinaCloud: {
    armEndpoint: 'https://management.chinacloudapi.cn',
    tokenScope: 'https://management.chinacloudapi.cn/.default',
    authorityHost: 'https://login.chinacloudapi.cn',
    portal: 'https://portal.azure.cn',
  },
} as const satisfies Record<string, Cloud>;
