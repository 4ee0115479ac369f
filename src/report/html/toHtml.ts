import { createHash } from 'node:crypto';
import type { Report } from '../report.ts';
import { shareText } from '../share.ts';
import { script, style } from './assets.ts';
import { embeddedJson, html, type Markup } from './markup.ts';
import { pageData } from './pageData.ts';

const MOST_WITHOUT_SCRIPTS = 500;

/**
 * The report as one page that needs nothing else. Its policy lets no request leave and nothing run but the script and
 * style written here; names and messages, which are other people's input, are text and data and never markup.
 */
export function* toHtml(report: Report): Generator<string, void, undefined> {
  const { tenant, generatedAt } = report;
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  yield `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy.join('; ')}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
${html`<title>${shareText(tenant)} compliant, ${generatedAt.slice(0, 10)} – VM identity compliance</title>`.markup}
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%23156fc2' d='M8 0l7 3v5c0 4-3 7-7 8-4-1-7-4-7-8V3z'/%3E%3Cpath fill='none' stroke='%23fff' stroke-width='2' d='M4.5 8l2.500 2.500 4.500-5'/%3E%3C/svg%3E">
<style>${style}</style>
</head>
<body>
${withoutScripts(report).markup}
<script type="application/json" id="data">`;
  yield embeddedJson(pageData(report));
  yield `</script>
<script>${script}</script>
</body>
</html>
`;
}

/** What readers see whose browser runs no scripts: the figures, not the VMs. */
function withoutScripts({ tenant, generatedAt, subscriptions, problems }: Report): Markup {
  const rows = subscriptions
    .slice(0, MOST_WITHOUT_SCRIPTS)
    .map(
      (row) =>
        html`<tr><th scope="row">${row.name}</th><td>${shareText(row)}</td><td>${row.vms}</td><td>${row.lacking}</td><td>${row.excluded}</td></tr>`,
    );
  const needs = problems
    .slice(0, MOST_WITHOUT_SCRIPTS)
    .map(
      ({ reason, subject, vms, detail, next }) =>
        html`<li><strong>${reason}</strong>, ${vms} VMs: ${subject}. ${detail} <em>${next}</em></li>`,
    );
  return html`<noscript><main>
<h1>VM identity compliance</h1>
<p>Counted ${generatedAt}. ${shareText(tenant)} compliant: ${tenant.compliant} of ${tenant.vms} VMs. ${tenant.lacking} lack their identity, ${tenant.excluded} are excluded.</p>
<p>Sorting, filtering and the list of VMs need scripts. The CSV has every VM of this report.</p>
<h2>Needs a person</h2><ul>${needs}</ul>
<h2>Subscriptions</h2>
<table><thead><tr><th scope="col">Subscription</th><th scope="col">Share</th><th scope="col">VMs</th><th scope="col">Lacking</th><th scope="col">Excluded</th></tr></thead><tbody>${rows}</tbody></table>
</main></noscript>`;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
