// Random schemas: object types that only refer to later ones, so that data is finite.

export const named = (name) => ({ kind: 'named', name });
export const list = (of) => ({ kind: 'list', of });
export const nonNull = (of) => (of.kind === 'nonNull' ? of : { kind: 'nonNull', of });

export const show = (type) =>
  type.kind === 'named' ? type.name : type.kind === 'list' ? `[${show(type.of)}]` : `${show(type.of)}!`;
export const nameOf = (type) => (type.kind === 'named' ? type.name : nameOf(type.of));
export const isList = (type) => (type.kind === 'nonNull' ? isList(type.of) : type.kind === 'list');

const SCALARS = ['Int', 'Float', 'String', 'Boolean', 'ID', 'Any', 'Colour', 'Size'];
export const ENUMS = { Colour: ['RED', 'GREEN', 'BLUE'], Size: ['S', 'M', 'L'] };

function wrapped(random, name, { lists = 0.35, nonNulls = 0.25 } = {}) {
  let type = named(name);
  const maybe = () => {
    if (random.chance(nonNulls)) type = nonNull(type);
  };
  maybe();
  for (let depth = 0; depth < 2 && random.chance(lists); depth++) {
    type = list(type);
    maybe();
  }
  return type;
}

export function makeSchema(random) {
  const objects = [];
  const count = random.int(3, 6);
  for (let n = count - 1; n >= 0; n--) objects.unshift(makeObject(random, n));
  const abstracts = [];
  const pool = objects.slice(1);
  for (let n = random.int(1, 3); n > 0 && pool.length > 1; n--) {
    abstracts.push(makeAbstract(random, `${random.chance(0.5) ? 'I' : 'U'}${n}`, pool));
  }
  const schema = { objects, abstracts, inputs: makeInputs(random) };
  for (const object of objects) addEdges(random, schema, object);
  for (const object of objects) if (object.isKeyed) addArguments(random, schema, object);
  schema.query = makeRoot(random, schema, 'Query', 'q');
  schema.mutation = makeRoot(random, schema, 'Mutation', 'm');
  return schema;
}

function makeObject(random, n) {
  const name = `T${n}`;
  const isKeyed = random.chance(0.75);
  const fields = [];
  if (isKeyed) fields.push({ name: 'id', type: random.chance(0.6) ? nonNull(named('ID')) : named(random.pick(['ID', 'Int'])) });
  for (let i = random.int(2, 5); i > 0; i--) fields.push({ name: `s${n}_${i}`, type: wrapped(random, random.pick(SCALARS)) });
  return { kind: 'object', name, n, isKeyed, fields, interfaces: [] };
}

function makeAbstract(random, name, pool) {
  const members = random.shuffle(pool).slice(0, random.int(2, 3));
  if (name.startsWith('U')) return { kind: 'union', name, members, first: Math.min(...members.map((member) => member.n)) };
  const fields = [];
  for (let i = random.int(1, 2); i > 0; i--) {
    const type = wrapped(random, random.pick(SCALARS));
    fields.push({ name: `${name.toLowerCase()}_${i}`, type });
  }
  for (const member of members) {
    member.interfaces.push(name);
    for (const field of fields) member.fields.push({ name: field.name, type: random.chance(0.2) ? nonNull(field.type) : field.type });
  }
  return { kind: 'interface', name, members, fields, first: Math.min(...members.map((member) => member.n)) };
}

/** Composite types that an object may refer to. */
const later = (schema, n) => [
  ...schema.objects.filter((object) => object.n > n),
  ...schema.abstracts.filter((type) => type.first > n),
];

function addEdges(random, schema, object) {
  const targets = later(schema, object.n);
  if (targets.length === 0) return;
  for (let i = random.int(1, 3); i > 0; i--) {
    const target = random.pick(targets);
    object.fields.push({ name: `e${object.n}_${i}`, type: wrapped(random, target.name, { lists: 0.45 }), target });
  }
}

function addArguments(random, schema, object) {
  if (random.chance(0.5)) {
    object.fields.push({ name: `x${object.n}`, type: named('Any'), args: makeArguments(random, schema) });
  }
}

function makeRoot(random, schema, name, prefix) {
  const fields = [];
  for (let i = random.int(3, 5); i > 0; i--) {
    const target = random.pick(later(schema, -1));
    fields.push({ name: `${prefix}${i}`, type: wrapped(random, target.name, { lists: 0.5 }), target });
  }
  fields.push({ name: `${prefix}s`, type: wrapped(random, random.pick(SCALARS)) });
  fields.push({ name: `${prefix}x`, type: named('Any'), args: makeArguments(random, schema) });
  return { kind: 'object', name, n: -1, isRoot: true, fields, interfaces: [] };
}

// --- input ---

const INPUT_SCALARS = ['Int', 'Float', 'String', 'Boolean', 'ID', 'Any', 'Colour'];

function makeInputs(random) {
  const inputs = [];
  for (let n = random.int(1, 3); n > 0; n--) {
    const fields = [];
    for (let i = random.int(1, 4); i > 0; i--) {
      const name = inputs.length > 0 && random.chance(0.3) ? random.pick(inputs).name : random.pick(INPUT_SCALARS);
      fields.push(withDefault(random, { inputs }, { name: `f${i}`, type: wrapped(random, name) }));
    }
    inputs.push({ name: `In${n}`, fields });
  }
  return inputs;
}

function makeArguments(random, schema) {
  const args = [];
  for (let i = random.int(1, 3); i > 0; i--) {
    const name = random.chance(0.4) ? random.pick(schema.inputs).name : random.pick(INPUT_SCALARS);
    args.push(withDefault(random, schema, { name: `a${i}`, type: wrapped(random, name) }));
  }
  return args;
}

function withDefault(random, schema, input) {
  return random.chance(0.35) ? { ...input, default: literal(inputValue(random, schema, input.type)) } : input;
}

/** A literal that is no JSON: an enum's name. */
export class Name {
  constructor(text) {
    this.text = text;
  }
}

/** A variable in a literal. */
export class Variable {
  constructor(name) {
    this.name = name;
  }
}

/** A random value of an input type; `hole(type)` may put something else in its place. */
export function inputValue(random, schema, type, hole = () => undefined, isNonNull = false, depth = 0) {
  if (type.kind === 'nonNull') return inputValue(random, schema, type.of, hole, true, depth);
  const put = hole(isNonNull ? nonNull(type) : type);
  if (put !== undefined) return put;
  if (!isNonNull && random.chance(0.12)) return null;
  if (type.kind === 'list') {
    if (random.chance(0.15)) {
      const single = inputValue(random, schema, type.of, () => undefined, true, depth + 1);
      if (!Array.isArray(single)) return single;
    }
    return Array.from({ length: random.int(0, 3) }, () => inputValue(random, schema, type.of, hole, false, depth + 1));
  }
  const object = schema.inputs.find((input) => input.name === type.name);
  if (object) {
    const entries = object.fields.filter((field) => (field.type.kind === 'nonNull' && field.default === undefined) || random.chance(0.6));
    return Object.fromEntries(random.shuffle(entries).map((field) => [field.name, inputValue(random, schema, field.type, hole, false, depth + 1)]));
  }
  switch (type.name) {
    case 'Int': return random.pick([0, -1, 7, 2147483647, -2147483648, random.int(-99, 99)]);
    case 'Float': return random.pick([0.5, -1.25, 3, 1e21, 1.5e-7, random.int(-99, 99)]);
    case 'String': return random.pick(['', 'plain', 'a "quote" \\ and \n line', 'ünï ☃ 😀', '{"no": "json"}']);
    case 'Boolean': return random.chance(0.5);
    case 'ID': return random.pick(['k1', '7', 12]);
    case 'Any': return random.pick([1, 'text', true, [1, 'x', []], { a: 1, b: { c: [] } }]);
    default: return new Name(random.pick(ENUMS[type.name]));
  }
}

/** GraphQL text of an input value. */
export function literal(value) {
  if (value instanceof Name) return value.text;
  if (value instanceof Variable) return `$${value.name}`;
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (value !== null && typeof value === 'object') {
    return `{${Object.entries(value).map(([key, item]) => `${key}: ${literal(item)}`).join(', ')}}`;
  }
  return JSON.stringify(value).replace(/\u007f/g, '\\u007F');
}

/** The same as JSON, for a variable. */
export function plain(value) {
  if (value instanceof Name) return value.text;
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  return value;
}
