// Compares `switchboard map` with a second, naive reading of the mapping language (docs/DIALECT.md §1.6, §1.7) on random mappings and data.
//
//   node tests/e2e/second-reading.mjs BINARY [SEED [MAPPINGS]]
//
// Nothing here was made of the Rust code: a difference means that one of the two has misread the text. It ends with status 1 then.
import { spawnSync } from 'node:child_process';
import { Random } from './reference/random.mjs';

const [binary, seed = '1', mappings = '20000'] = process.argv.slice(2);
const MISSING = Symbol('missing');

// === What a mapping means ===

const kindOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value);
const orNull = (value) => (value === MISSING ? null : value);
const bytes = (text) => new TextEncoder().encode(text);

/** Two outputs under one name: objects by key, lists by index, null wins, other kinds: the later. */
function merge(one, other) {
  if (one === null || other === null) return null;
  const kinds = [kindOf(one), kindOf(other)].join();
  if (kinds === 'object,object') {
    const merged = new Map(one === undefined ? [] : Object.entries(one));
    for (const [key, value] of Object.entries(other)) merged.set(key, merged.has(key) ? merge(merged.get(key), value) : value);
    return Object.fromEntries(merged);
  }
  if (kinds === 'list,list') {
    const length = Math.max(one.length, other.length);
    return Array.from({ length }, (_, at) => (at >= one.length ? other[at] : at >= other.length ? one[at] : merge(one[at], other[at])));
  }
  return other;
}

function get(value, key) {
  if (kindOf(value) === 'list') return value.map((element) => orNull(get(element, key)));
  return kindOf(value) === 'object' && Object.hasOwn(value, key) ? value[key] : MISSING;
}

/** What a `{ … }` makes: `root` is `$` in it. */
function build(items, root, at, bound) {
  let made = {};
  let isNull = false;
  for (const item of items) {
    let value = item.key === undefined ? evaluate(item.value, root, at, bound) : get(root, item.key);
    if (item.optional && value === null) value = MISSING;
    if (item.block && value !== MISSING) value = select(item.block, value, bound);
    if (value === MISSING) continue;
    const name = item.name ?? item.key;
    if (name !== undefined) made[name] = Object.hasOwn(made, name) ? merge(made[name], value) : value;
    else if (value === null) isNull = true;
    else if (kindOf(value) === 'object') made = merge(made, value);
  }
  return isNull ? null : made;
}

/** A `{ … }` on a value: over lists, and a scalar that nothing came of stays itself. */
function select(items, value, bound) {
  if (kindOf(value) === 'list') return value.map((element) => orNull(select(items, element, bound)));
  const made = build(items, value, value, bound);
  const isNothing = made !== null && Object.keys(made).length === 0;
  return kindOf(value) !== 'object' && isNothing ? value : made;
}

function equal(one, other) {
  if (kindOf(one) !== kindOf(other)) return false;
  if (kindOf(one) === 'list') return one.length === other.length && one.every((element, at) => equal(element, other[at]));
  if (kindOf(one) !== 'object') return one === other;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && equal(one[key], other[key]));
}

const isNumber = (value) => typeof value === 'number';
const isText = (value) => typeof value === 'string';
const isBoolean = (value) => typeof value === 'boolean';
const isList = Array.isArray;
const isScalar = (value) => !['list', 'object'].includes(kindOf(value));
const elements = (value) => (isList(value) ? value : [value]);
const characters = (value) => (isText(value) ? [...value] : value);
const end = (at) => (value) => (isList(value) || isText(value) ? (characters(value).at(at) ?? (characters(value).length ? null : MISSING)) : value);
const compare = (holds) => (value, argument) => {
  const other = argument(0);
  const fits = (isNumber(value) && isNumber(other)) || (isText(value) && isText(other));
  return fits ? holds(value, other) : MISSING;
};
const fold = (is, stops, step) => (value, argument, count) => {
  for (let at = 0, other; is(value); at += 1) {
    if (at === count || stops(value)) return value;
    other = argument(at);
    if (other === MISSING || !is(other)) return MISSING;
    value = step(value, other);
  }
  return MISSING;
};
const verdicts = (value, argument) => elements(value).map((element) => [element, argument(0, element)]);

/** `(value, argument, count)`; `argument(index, at)` evaluates one, with `@` = the value unless said otherwise. */
const METHODS = {
  echo: (value, argument) => argument(0),
  map: (value, argument) => elements(value).map((element) => orNull(argument(0, element))),
  first: end(0),
  last: end(-1),
  size: (value) => (isText(value) ? bytes(value).length : isScalar(value) ? MISSING : Object.keys(value).length),
  entries: (value) => (kindOf(value) === 'object' ? Object.entries(value).map(([key, value]) => ({ key, value })) : MISSING),
  get: (value, argument) => {
    const key = argument(0);
    if (kindOf(value) === 'object') return isText(key) ? get(value, key) : MISSING;
    if (!(isList(value) || isText(value)) || !isNumber(key)) return MISSING;
    const found = characters(value).at(key);
    return found === undefined ? MISSING : found;
  },
  slice: (value, argument) => {
    const [from, to] = [argument(0), argument(1)];
    if (isList(value)) return value.slice(from, to);
    if (!isText(value)) return MISSING;
    const part = new TextDecoder().decode(bytes(value).slice(from, to));
    return part.includes('\ufffd') ? MISSING : part;
  },
  filter: (value, argument) => {
    const judged = verdicts(value, argument);
    return judged.every(([, verdict]) => isBoolean(verdict)) ? judged.filter(([, verdict]) => verdict).map(([element]) => element) : MISSING;
  },
  find: (value, argument) => {
    const [element, verdict] = verdicts(value, argument).find(([, verdict]) => verdict !== false) ?? [];
    return verdict === true ? element : MISSING;
  },
  joinNotNull: (value) => {
    const parts = elements(value).filter((part) => part !== null);
    return parts.every(isScalar) ? parts.map(String).join(',') : MISSING;
  },
  toString: (value) => (isScalar(value) ? String(value ?? '') : MISSING),
  jsonStringify: (value) => JSON.stringify(value),
  eq: (value, argument) => (argument(0) === MISSING ? MISSING : equal(value, argument(0))),
  ne: (value, argument) => (argument(0) === MISSING ? MISSING : !equal(value, argument(0))),
  gt: compare((value, other) => value > other),
  lte: compare((value, other) => value <= other),
  and: fold(isBoolean, (value) => !value, (value, other) => value && other),
  or: fold(isBoolean, (value) => value, (value, other) => value || other),
  not: (value) => (isBoolean(value) ? !value : MISSING),
  in: (value, argument) => (isList(argument(0)) ? argument(0).some((element) => equal(element, value)) : MISSING),
  contains: (value, argument) => (isList(value) && argument(0) !== MISSING ? value.some((element) => equal(element, argument(0))) : MISSING),
  add: fold(isNumber, () => false, (value, other) => value + other),
  sub: fold(isNumber, () => false, (value, other) => value - other),
  mul: fold(isNumber, () => false, (value, other) => value * other || 0),
};

function call(step, value, root, bound) {
  const argument = (index, at = value) => evaluate(step.args[index], root, at, bound);
  if (step.method !== 'match') return METHODS[step.method](value, argument, step.args.length);
  const pair = step.args.find(({ list: [candidate] }) => {
    const found = evaluate(candidate, root, value, bound);
    return found !== MISSING && equal(found, value);
  });
  return pair ? evaluate(pair.list[1], root, value, bound) : MISSING;
}

/** Where a path starts. */
function begin(head, root, at, bound) {
  if (head.key) return get(root, head.key);
  if (head.variable) return bound.has(head.variable) ? bound.get(head.variable) : MISSING;
  if (head.inner) return evaluate(head.inner, root, at, bound);
  return head.at ? at : root;
}

function evaluate(expression, root, at, bound) {
  if ('literal' in expression) return expression.literal;
  if (expression.list) return expression.list.map((element) => orNull(evaluate(element, root, at, bound)));
  if (expression.block) return build(expression.block, root, at, bound);
  if (expression.chain) {
    let value = MISSING;
    for (const operand of expression.chain) {
      value = evaluate(operand, root, at, bound);
      if (value !== MISSING && !(expression.operator === '??' && value === null)) break;
    }
    return value;
  }
  let value = begin(expression.head, root, at, bound);
  for (const step of expression.steps) {
    if (value === MISSING) return MISSING;
    if (step.key) value = get(value, step.key);
    else if (step.optional) value = value === null ? MISSING : value;
    else if (step.block) value = select(step.block, value, bound);
    else if (step.binds) bound = new Map([...bound, [step.binds, step.value ? evaluate(step.value, root, value, bound) : value]]);
    else value = call(step, value, root, bound);
  }
  return value;
}

// === How it is written ===

function write(expression) {
  if ('literal' in expression) return JSON.stringify(expression.literal);
  if (expression.list) return `[${expression.list.map(write).join(', ')}]`;
  if (expression.block) return writeBlock(expression.block);
  if (expression.chain) return expression.chain.map(write).join(` ${expression.operator} `);
  const { head } = expression;
  const start = head.key ?? (head.variable ? `$${head.variable}` : head.inner ? `$(${write(head.inner)})` : head.at ? '@' : '$');
  return start + expression.steps.map(writeStep).join('');
}

function writeStep(step) {
  if (step.key) return `.${step.key}`;
  if (step.optional) return '?';
  if (step.block) return ` ${writeBlock(step.block)}`;
  if (step.binds) return `->as($${step.binds}${step.value ? `, ${write(step.value)}` : ''})`;
  return `->${step.method}${step.args.length ? `(${step.args.map(write).join(', ')})` : ''}`;
}

const writeBlock = (items) => `{ ${writeItems(items)} }`;
const writeItems = (items) => items.map(writeItem).join(' ');

function writeItem(item) {
  if (item.key) return `${item.key}${item.optional ? '?' : ''}${item.block ? ` ${writeBlock(item.block)}` : ''}`;
  if (item.name) return `${item.name}: ${write(item.value)}`;
  return (item.isPath ? '' : '...') + write(item.value);
}

// === Random ones ===

const WITHOUT_ARGUMENTS = ['first', 'last', 'size', 'entries', 'toString', 'not', 'jsonStringify'];
const KEYS = ['a', 'b', 'c'];

class Maker extends Random {
  several(least, most, make) {
    return Array.from({ length: this.int(least, most) }, make);
  }

  data(depth) {
    if (depth === 0 || this.chance(0.35)) return this.pick([null, true, false, 0, 1, 2, -3, '', 'a', 'b', 'xyz', 'é']);
    if (this.chance(0.55)) return Object.fromEntries(KEYS.filter(() => this.chance(0.75)).map((key) => [key, this.data(depth - 1)]));
    return this.several(0, 3, () => this.data(depth - 1));
  }

  literal() {
    return { literal: this.pick([null, true, false, 0, 1, 2, 'a', 'b']) };
  }

  expression(depth, bound) {
    const share = this.next();
    if (depth <= 0) return share < 0.7 ? this.path(0, bound) : this.literal();
    if (share < 0.62) return this.path(depth, bound);
    if (share < 0.72) return this.literal();
    if (share < 0.8) return { list: this.several(0, 3, () => this.expression(depth - 1, bound)) };
    if (share < 0.9) return { block: this.several(1, 3, () => this.member(depth - 1, bound)) };
    return { operator: this.pick(['??', '?!']), chain: this.several(2, 3, () => this.operand(depth - 1, bound)) };
  }

  operand(depth, bound) {
    const made = this.expression(depth, bound);
    return made.chain ? { head: { inner: made }, steps: [] } : made;
  }

  member(depth, bound) {
    return this.chance(0.8) ? { name: this.pick(KEYS), value: this.expression(depth, bound) } : { value: this.path(depth, bound) };
  }

  items(depth, bound) {
    return this.several(1, 3, () => {
      const share = this.next();
      if (share < 0.4) {
        const block = depth > 0 && this.chance(0.4) ? this.items(depth - 1, bound) : undefined;
        return { key: this.pick(KEYS), optional: this.chance(0.2), block };
      }
      if (share < 0.75) return { name: this.pick(['x', 'y', 'z']), value: this.expression(depth - 1, bound) };
      if (share < 0.88) return { value: this.path(depth - 1, bound) };
      const steps = [{ key: this.pick(KEYS) }, { block: this.items(depth - 1, bound) }];
      return { isPath: true, value: { head: {}, steps } };
    });
  }

  path(depth, bound) {
    const heads = [...KEYS, ...KEYS].map((key) => ({ key }));
    heads.push({}, {}, { at: true }, { at: true }, ...bound.map((variable) => ({ variable })));
    if (depth > 0) heads.push({ inner: this.expression(depth - 1, bound) });
    const steps = [];
    for (let left = this.pick([0, 0, 1, 1, 2, 3]); left > 0; left -= 1) {
      if (this.chance(0.35)) steps.push({ key: this.pick(KEYS) });
      else if (this.chance(0.15)) {
        if (!steps.at(-1)?.optional) steps.push({ optional: true });
      } else if (depth > 0) {
        steps.push(this.method(depth, bound));
        const { binds } = steps.at(-1);
        if (binds) bound = [...bound, binds];
      }
    }
    if (depth > 0 && this.chance(0.2)) steps.push({ block: this.items(depth - 1, bound) });
    return { head: this.pick(heads), steps };
  }

  method(depth, bound) {
    const method = this.pick([...Object.keys(METHODS), 'match', 'as']);
    const one = () => this.expression(depth - 1, bound);
    if (method === 'as') return { binds: this.pick(['p', 'q']), value: this.chance(0.4) ? one() : undefined };
    if (WITHOUT_ARGUMENTS.includes(method)) return { method, args: [] };
    const number = (most) => ({ literal: this.int(0, most) });
    const args = {
      match: () => this.several(1, 3, () => ({ list: [this.chance(0.5) ? this.literal() : { head: { at: true }, steps: [] }, one()] })),
      slice: () => [number(2), number(3)],
      joinNotNull: () => [{ literal: ',' }],
      get: () => [{ literal: this.pick([0, 1, -1, 5, 'a', 'b']) }],
    }[method];
    const several = ['and', 'or', 'add', 'sub', 'mul'].includes(method) ? 2 : 1;
    return { method, args: args ? args() : this.several(1, several, one) };
  }

  /** A mapping, and what is to come of it with some data. */
  whole() {
    const data = this.data(3);
    if (this.chance(0.5)) {
      const items = this.items(3, []);
      // Alone, a path with a block is one value.
      if (items.length === 1 && items[0].isPath) items.push({ key: 'a' });
      return { text: writeItems(items), data, expected: () => select(items, data, new Map()) };
    }
    const made = this.expression(3, []);
    // Alone, a key keeps its name; behind `$` it is a value.
    if (made.head?.key) {
      made.steps.unshift({ key: made.head.key });
      made.head = {};
    }
    return { text: write(made), data, expected: () => evaluate(made, data, data, new Map()) };
  }
}

const maker = new Maker(Number(seed));
const cases = Array.from({ length: Number(mappings) }, () => maker.whole());
const input = cases.map(({ text, data }) => JSON.stringify({ selection: text, data })).join('\n');
const output = spawnSync(binary, ['map', '--jsonl'], { input, maxBuffer: 2 ** 30, encoding: 'utf8' });
const answers = output.stdout.trim().split('\n').map((line) => JSON.parse(line));
let [differences, missing] = [0, 0];
for (const [at, { text, data, expected }] of cases.entries()) {
  const wanted = expected();
  const found = answers[at]?.missing ? MISSING : answers[at]?.json;
  if (wanted === MISSING) missing += 1;
  const same = wanted === MISSING ? found === MISSING : JSON.stringify(found) === JSON.stringify(wanted);
  if (same) continue;
  differences += 1;
  const shown = wanted === MISSING ? 'missing' : JSON.stringify(wanted);
  console.log(`${text}\n  data      ${JSON.stringify(data)}\n  by this   ${shown}\n  by map    ${JSON.stringify(answers[at])}`);
}
console.log(`${cases.length} mappings, ${missing} of them missing, ${differences} differences`);
process.exit(differences === 0 && answers.length === cases.length ? 0 : 1);
