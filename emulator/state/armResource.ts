/** The identity of a resource, as Azure stores it: values of the map are complete. */
export interface ArmIdentity {
  type: string;
  principalId?: string;
  tenantId?: string;
  userAssignedIdentities?: Record<string, { principalId?: string; clientId?: string }>;
}

/** An ARM resource of any type, in the shape of ARM's own answers. What is not named here is kept as it came. */
export interface ArmResource {
  id: string;
  name: string;
  /** In ARM's own casing: `Microsoft.Compute/virtualMachines`. */
  type: string;
  location?: string;
  tags?: Record<string, string>;
  identity?: ArmIdentity;
  managedBy?: string;
  properties?: Record<string, unknown>;
  sku?: unknown;
  plan?: unknown;
  zones?: unknown;
  kind?: string;
  extendedLocation?: unknown;
  [key: string]: unknown;
}
