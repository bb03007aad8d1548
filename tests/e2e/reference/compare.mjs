// What counts as a difference, and the smallest operation that still shows it.

import { parse, print, validate, visit } from 'graphql';

/** Why two answers differ; undefined when they do not. */
export function compare(theirs, ours) {
  for (const odd of ['schema', 'panic', 'not_json']) if (ours[odd] !== undefined) return `${odd}: ${ours[odd]}`;
  if (text(theirs.data) !== text(ours.data)) return 'data';
  const told = (answer) => (answer.errors ?? []).map((error) => JSON.stringify(error.path)).sort().join(' ');
  if (told(theirs) !== told(ours)) return `error paths\n${told(theirs)}\n${told(ours)}`;
  // The words of the reference implementation for what the specification names; the rest are our own.
  const byPath = new Map((ours.errors ?? []).map((error) => [JSON.stringify(error.path), error]));
  for (const error of theirs.errors ?? []) {
    const own = byPath.get(JSON.stringify(error.path));
    if (error.message.startsWith('Cannot return null') && own.message !== error.message) return `message: ${error.message} / ${own.message}`;
    if (JSON.stringify(error.toJSON().locations?.[0]) !== JSON.stringify(own.locations?.[0])) return `location at ${error.path}`;
    if (typeof own.extensions?.code !== 'string') return `no code at ${error.path}`;
  }
  return undefined;
}

/** Half a surrogate pair is copied, or U+FFFD where a mapping computes. */
const text = (data) => JSON.stringify(data, (_, value) => (typeof value === 'string' ? value.toWellFormed() : value));

/** Leaves out selections as long as the answers differ. */
export async function minimise(schema, operation, differs) {
  let best = operation;
  for (let changed = true; changed; ) {
    changed = false;
    const count = size(best.document);
    for (let n = 0; n < count; n++) {
      const smaller = without(best, n);
      if (!smaller || validate(schema, smaller.document).length > 0 || !(await differs(smaller))) continue;
      best = smaller;
      changed = true;
      break;
    }
  }
  return best;
}

const KINDS = ['Field', 'InlineFragment', 'FragmentSpread', 'FragmentDefinition', 'Argument', 'Directive', 'VariableDefinition'];

function size(document) {
  let count = 0;
  visit(document, { enter: (node) => void (count += KINDS.includes(node.kind)) });
  return count;
}

function without(operation, n) {
  let at = -1;
  const smaller = visit(operation.document, {
    enter(node) {
      if (!KINDS.includes(node.kind)) return undefined;
      at += 1;
      return at === n ? null : undefined;
    },
  });
  try {
    const query = print(smaller);
    return { query, document: parse(query), variables: operation.variables };
  } catch {
    return undefined;
  }
}
