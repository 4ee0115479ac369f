/** An ARM path taken apart. Names keep the letter case of the URL; `type` and `namespace` too. */
export interface ArmPath {
  /** The path as ARM would write it: decoded, without doubled or trailing slashes. */
  readonly path: string;
  readonly subscriptionId: string | undefined;
  readonly resourceGroup: string | undefined;
  /** True when the path names `/subscriptions` or `/resourceGroups` as a collection, or a collection of a type. */
  readonly isCollection: boolean;
  /** Provider namespace of the last `/providers/` part; undefined for subscriptions and groups themselves. */
  readonly namespace: string | undefined;
  /** Type below the namespace, `virtualMachines` or `virtualMachines/extensions`. */
  readonly type: string;
  /** Names of the type's segments; one fewer than the type's in a collection. */
  readonly names: readonly string[];
  /** What an extension resource, such as a lock, is about: everything before the last `/providers/`. */
  readonly scope: string;
}

/**
 * Takes a URL's path apart. Accepts what ARM accepts: any letter case, doubled slashes, and a scope that is one
 * %2F-encoded segment (recorded in c06, h02). Throws URIError when the percent-encoding is broken.
 */
export function parseArmPath(urlPath: string): ArmPath {
  const segments = decodeURIComponent(urlPath)
    .split('/')
    .filter((segment) => segment !== '');
  const path = `/${segments.join('/')}`;
  const lower = segments.map((segment) => segment.toLowerCase());
  const subscriptionId = lower[0] === 'subscriptions' ? segments[1] : undefined;
  const resourceGroup = lower[2] === 'resourcegroups' ? segments[3] : undefined;
  const providers = lower.lastIndexOf('providers');
  if (providers < 0) {
    return {
      path,
      subscriptionId,
      resourceGroup,
      isCollection: segments.length % 2 === 1,
      namespace: undefined,
      type: lower[2] ?? lower[0] ?? '',
      names: segments.filter((_, index) => index % 2 === 1),
      scope: path,
    };
  }
  const below = segments.slice(providers + 2);
  return {
    path,
    subscriptionId,
    resourceGroup,
    isCollection: below.length % 2 === 1,
    namespace: segments[providers + 1],
    type: below.filter((_, index) => index % 2 === 0).join('/'),
    names: below.filter((_, index) => index % 2 === 1),
    scope: `/${segments.slice(0, providers).join('/')}`,
  };
}

/** True when `scope` is `id` or something above it; both compared without regard to case. */
export function isAtOrAbove(scope: string, id: string): boolean {
  const above = scope.toLowerCase();
  const below = id.toLowerCase();
  return above === '/' || below === above || below.startsWith(`${above}/`);
}
