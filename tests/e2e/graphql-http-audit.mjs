// Audits each URL of the command line; exits with 1 unless all audits pass on all of them.
import { auditServer } from 'graphql-http';

// So that an update of the package that drops or adds audits is noticed.
const AUDITS = 61;

let failed = false;
for (const url of process.argv.slice(2)) {
  const results = await auditServer({ url });
  const passed = results.filter((result) => result.status === 'ok').length;
  console.log(`${url}: ${passed} of ${results.length} audits pass`);
  failed ||= passed !== AUDITS || results.length !== AUDITS;
  for (const result of results.filter((result) => result.status !== 'ok')) {
    const { status, headers } = result.response;
    console.log(`  ${result.status} ${result.id} ${result.name}`);
    console.log(`    ${result.reason} (status ${status}, ${headers.get('content-type')})`);
  }
}
process.exit(failed ? 1 : 0);
