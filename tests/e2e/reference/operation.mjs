// Random operations, valid by graphql-js.

import { getNamedType, isAbstractType, isCompositeType, isEnumType, isInputObjectType, parse, print, validate } from 'graphql';
import { inputValue, list, literal, named, nonNull, plain, show, Variable } from './types.mjs';

export function makeOperation(random, world, schema) {
  for (;;) {
    const made = new Maker(random, world, schema).operation();
    const document = parse(made.query);
    if (validate(schema, document).length === 0) return { ...made, query: print(document), document: parse(print(document)) };
  }
}

class Maker {
  constructor(random, world, schema) {
    Object.assign(this, { random, world, schema });
    this.variables = new Map();
    this.fragments = [];
    this.fields = 0;
    this.aliases = 0;
  }

  operation() {
    const { random } = this;
    const isMutation = random.chance(0.1);
    const root = isMutation ? this.schema.getMutationType() : this.schema.getQueryType();
    let body = this.selections(root, 0);
    if (!isMutation && random.chance(0.1)) body += ` ${this.introspection()}`;
    const declared = [...this.variables.values()].map(({ name, type, text }) => `$${name}: ${show(type)}${text === undefined ? '' : ` = ${text}`}`);
    const head = declared.length > 0 ? `(${declared.join(', ')})` : '';
    const query = `${isMutation ? 'mutation' : 'query'} Op${head} { ${body} }\n${this.fragments.map((fragment) => fragment.text).join('\n')}`;
    const given = [...this.variables.values()].filter((variable) => 'value' in variable);
    return { query, variables: Object.fromEntries(given.map(({ name, value }) => [name, value])) };
  }

  selections(type, depth) {
    const { random } = this;
    const out = [];
    const count = random.int(1, depth === 0 ? 5 : 4);
    for (let i = 0; i < count && this.fields < 60; i++) out.push(this.selection(type, depth));
    return out.filter(Boolean).join(' ') || '__typename';
  }

  selection(type, depth) {
    const { random } = this;
    const fields = isCompositeType(type) && 'getFields' in type ? Object.values(type.getFields()) : [];
    const roll = random.next();
    if (roll < 0.1 || (fields.length === 0 && roll < 0.2)) return `${random.chance(0.3) ? `t${this.aliases++}: ` : ''}__typename${this.condition()}`;
    if (roll < 0.22 || fields.length === 0) return depth < 7 ? this.fragment(type, depth) : '';
    return this.field(random.pick(fields), depth);
  }

  field(field, depth) {
    const { random } = this;
    this.fields += 1;
    const below = getNamedType(field.type);
    if (isCompositeType(below) && depth > 6) return '';
    const args = this.args(field);
    const alias = args || random.chance(0.15) ? `${random.pick(['a', 'id', 'z'])}_${this.aliases++}: ` : '';
    const inside = isCompositeType(below) ? ` { ${this.selections(below, depth + 1)} }` : '';
    return `${alias}${field.name}${args}${this.condition()}${inside}`;
  }

  fragment(type, depth) {
    const { random } = this;
    const known = this.fragments.filter((fragment) => fragment.on === type.name);
    if (known.length > 0 && random.chance(0.5)) return `...${random.pick(known).name}${this.condition()}`;
    const related = isAbstractType(type) ? [type, ...this.schema.getPossibleTypes(type)] : [type, ...(type.getInterfaces?.() ?? [])];
    const on = random.pick(related);
    const inside = this.selections(on, depth + 1);
    if (random.chance(0.4)) {
      const name = `F${this.fragments.length}`;
      this.fragments.push({ name, on: on.name, text: `fragment ${name} on ${on.name} { ${inside} }` });
      return `...${name}${this.condition()}`;
    }
    return `... ${on === type && random.chance(0.4) ? '' : `on ${on.name} `}${this.condition()} { ${inside} }`;
  }

  condition() {
    const { random } = this;
    return ['skip', 'include'].filter(() => random.chance(0.08)).map((directive) => ` @${directive}(if: ${this.flag()})`).join('');
  }

  flag() {
    const { random } = this;
    if (random.chance(0.4)) return random.chance(0.5);
    const name = `b${random.int(0, 3)}`;
    if (!this.variables.has(name)) {
      const kind = random.int(0, 2);
      const variable = { name, type: kind === 2 ? named('Boolean') : nonNull(named('Boolean')) };
      if (kind > 0) variable.text = String(random.chance(0.5));
      if (kind === 0 || random.chance(0.5)) variable.value = random.chance(0.5);
      this.variables.set(name, variable);
    }
    return `$${name}`;
  }

  args(field) {
    const { random } = this;
    const given = field.args.filter((arg) => (String(arg.type).endsWith('!') && arg.defaultValue === undefined) || random.chance(0.7));
    if (given.length === 0) return '';
    return `(${random.shuffle(given).map((arg) => `${arg.name}: ${literal(this.input(own(arg.type)))}`).join(', ')})`;
  }

  input(type) {
    const { random, world } = this;
    const hole = (type) => (random.chance(0.2) ? this.variable(type) : undefined);
    return inputValue(random, world.schema, type, hole);
  }

  variable(type) {
    const { random, world } = this;
    const name = `v${this.variables.size}`;
    const variable = { name, type };
    const isStrict = type.kind === 'nonNull';
    if (!isStrict && random.chance(0.2)) variable.type = nonNull(type);
    const value = () => inputValue(random, world.schema, variable.type);
    if (random.chance(0.4)) variable.text = literal(value());
    if (isStrict && variable.text !== undefined && variable.text !== 'null' && random.chance(0.5)) variable.type = type.of;
    const mayMiss = variable.text !== undefined || variable.type.kind !== 'nonNull';
    if (!mayMiss || random.chance(0.6)) variable.value = plain(value());
    // A variable that may be null in a place that may not is an error of the request's values: tested elsewhere.
    if (isStrict && variable.value === null) delete variable.value;
    if (isStrict && variable.value === undefined && variable.text === undefined) variable.value = plain(inputValue(random, world.schema, type));
    this.variables.set(name, variable);
    return new Variable(name);
  }

  /** Without `defaultValue`: graphql-js prints the coerced value, Switchboard the literal as it stands. Both are right. */
  introspection() {
    const types = Object.values(this.schema.getTypeMap()).filter((type) => !type.name.startsWith('__') && (isCompositeType(type) || isInputObjectType(type) || isEnumType(type)));
    const type = this.random.pick(types);
    return `i${this.aliases++}: __type(name: "${type.name}") { __typename kind name description fields { name args { name type { ...TypeRef } } type { ...TypeRef } isDeprecated } ` +
      'interfaces { name } possibleTypes { name } enumValues { name isDeprecated } inputFields { name type { ...TypeRef } } } ' +
      `${this.fragments.some((fragment) => fragment.name === 'TypeRef') ? '' : this.typeRef()} __schema { queryType { name } mutationType { name } }`;
  }

  typeRef() {
    this.fragments.push({ name: 'TypeRef', on: '__Type', text: 'fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { name kind } } } }' });
    return '';
  }
}

/** A type of graphql-js in our own terms. */
function own(type) {
  if (type.constructor.name === 'GraphQLNonNull') return nonNull(own(type.ofType));
  if (type.constructor.name === 'GraphQLList') return list(own(type.ofType));
  return named(type.name);
}
