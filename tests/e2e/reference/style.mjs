// How a schema's fields are supplied, and the SDL that says so.

import { ENUMS, isList, literal, nameOf, show } from './types.mjs';

const HEAD = `extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1", import: ["@listSize"])
  @source(name: "api", http: { baseURL: "http://unused" })
scalar Any
`;

export const STYLES = ['inline', 'own', 'batch', 'group', 'entity', 'mixed'];

/** Type connectors by style: how objects are completed of which only a part is there. */
const COMPLETED = { inline: ['none'], own: ['none', 'this'], batch: ['batch'], group: ['none', 'batch'], entity: ['entity'], mixed: ['none', 'this', 'batch', 'entity'] };

export class Style {
  constructor(random, schema, name) {
    Object.assign(this, { schema, name, random });
    /** Type name → kind of type connector. */
    this.completed = new Map();
    /** `Type.field` → how it is supplied: `in`, `own`, `group`. */
    this.supplied = new Map();
    /** `Type.field` → where a source has it. */
    this.keys = new Map();
    /** `Type.field` → for composite fields: member type → names that the parent's selection has. */
    this.named = new Map();
    this.maxSize = random.pick([undefined, 1, 2, 3]);
    for (const object of schema.objects) this.complete(object);
    for (const object of [schema.query, schema.mutation, ...schema.objects]) for (const field of object.fields) this.supply(object, field);
  }

  complete(object) {
    const { random } = this;
    const isStrict = object.isKeyed && show(object.fields[0].type) === 'ID!';
    let kind = object.isKeyed ? random.pick(COMPLETED[this.name]) : 'none';
    if (kind === 'entity' && !isStrict) kind = 'batch';
    this.completed.set(object.name, kind);
  }

  supply(object, field) {
    const { random } = this;
    const at = `${object.name}.${field.name}`;
    const own = { inline: 0, own: 0.6, batch: 0, group: 0.1, entity: 0, mixed: 0.3 }[this.name];
    const isLink = field.target?.kind === 'object' && this.lists(field.type) <= 1;
    let how = 'in';
    if (object.isRoot) how = 'root';
    else if (field.name === 'id') how = 'in';
    else if (field.args) how = 'own';
    else if (object.isKeyed && isLink && ['group', 'mixed'].includes(this.name) && random.chance(0.6)) how = 'group';
    else if (object.isKeyed && random.chance(own)) how = 'own';
    this.supplied.set(at, how);
    this.keys.set(at, field.name === 'id' ? ['id'] : random.pick([[field.name], [field.name], [`src_${field.name}`], ['meta', field.name]]));
    if (field.target) {
      const members = field.target.members ?? [field.target];
      this.named.set(at, new Map(members.map((member) => [member.name, this.part(member)])));
    }
  }

  lists(type) {
    return type.kind === 'nonNull' ? this.lists(type.of) : type.kind === 'list' ? 1 + this.lists(type.of) : 0;
  }

  /** The names of an object that its parent's selection has; the rest comes from the type's connector. */
  part(object) {
    const all = object.fields.map((field) => field.name);
    if (this.completed.get(object.name) === 'none') return all;
    return ['id', ...this.random.some(all.slice(1), this.random.pick([0, 0, 0.4, 1]))];
  }

  how(object, field) {
    return this.supplied.get(`${object.name}.${field.name}`);
  }

  /** Whether the selection that makes an object with these names also makes this field. */
  isInline(object, field, names) {
    return this.how(object, field) === 'in' && (names.includes(field.name) || this.completed.get(object.name) === 'none');
  }

  // --- selections ---

  /** Items of a block for an object, one string. */
  block(object, names) {
    const items = object.fields.filter((field) => this.isInline(object, field, names)).map((field) => this.item(object, field));
    // A selection without names would be none.
    return items.length > 0 ? items.join(' ') : 'nothing_here';
  }

  item(object, field) {
    const at = `${object.name}.${field.name}`;
    const key = this.keys.get(at);
    const alias = key.length === 1 && key[0] === field.name ? key[0] : `${field.name}: ${key.join('.')}`;
    return field.target ? `${alias} { ${this.inside(field.target, at)} }` : alias;
  }

  inside(target, at) {
    const named = this.named.get(at);
    if (!target.members) return this.block(target, named.get(target.name));
    const arms = target.members.map((member) => `["k${member.name}", { __typename: "${member.name}" ${this.block(member, named.get(member.name)).replace('nothing_here', '')} }]`);
    return `...kind->match(${arms.join(', ')})`;
  }

  /** What is taken from an answer `{"v": …}`. */
  whole(object, field) {
    return field.target ? `$.v { ${this.inside(field.target, `${object.name}.${field.name}`)} }` : '$.v';
  }

  // --- SDL ---

  sdl({ isPublic = false } = {}) {
    const { schema } = this;
    const parts = isPublic ? ['scalar Any'] : [HEAD];
    for (const [name, values] of Object.entries(ENUMS)) parts.push(`enum ${name} { ${values.join(' ')} }`);
    for (const input of schema.inputs) parts.push(`input ${input.name} { ${input.fields.map(inputField).join(' ')} }`);
    for (const type of schema.abstracts) {
      if (type.kind === 'union') parts.push(`union ${type.name} = ${type.members.map((member) => member.name).join(' | ')}`);
      else parts.push(`interface ${type.name} { ${type.fields.map((field) => `${field.name}: ${show(field.type)}`).join(' ')} }`);
    }
    for (const object of [schema.query, schema.mutation, ...schema.objects]) parts.push(this.object(object, isPublic));
    return parts.join('\n');
  }

  object(object, isPublic) {
    const head = object.interfaces.length > 0 ? ` implements ${object.interfaces.join(' & ')}` : '';
    const fields = object.fields.map((field) => {
      const args = field.args ? `(${field.args.map(inputField).join(', ')})` : '';
      return `  ${field.name}${args}: ${show(field.type)}${isPublic ? '' : this.connector(object, field)}`;
    });
    if (object.name === 'Query') {
      for (const entity of this.schema.objects.filter((type) => this.completed.get(type.name) === 'entity')) {
        const connect = ` @connect(source: "api", http: { GET: "/type/${entity.name}/{$args.id}" }, entity: true, selection: """${this.block(entity, all(entity))}""")`;
        fields.push(`  by${entity.name}(id: ID!): ${entity.name}${isPublic ? '' : connect}`);
      }
    }
    return `type ${object.name}${head}${isPublic ? '' : this.typeConnector(object)} {\n${fields.join('\n')}\n}`;
  }

  connector(object, field) {
    const at = `${object.name}/${field.name}`;
    const selection = `selection: """${this.whole(object, field)}"""`;
    const method = object.name === 'Mutation' || field.args ? 'POST' : 'GET';
    const body = field.args ? ', body: "$args"' : '';
    switch (this.how(object, field)) {
      case 'root': return ` @connect(source: "api", http: { ${method}: "/root/${at}"${body} }, ${selection})`;
      case 'own': return ` @connect(source: "api", http: { ${method}: "/own/${at}/{$this.id}"${body} }, ${selection})`;
      case 'group': {
        const names = this.named.get(`${object.name}.${field.name}`).get(field.target.name);
        const size = this.maxSize ? `maxSize: ${this.maxSize}, ` : '';
        return ` @connect(source: "api", http: { GET: "/group/${at}", queryParams: "id: $batch.id" }, batch: { ${size}groupBy: "id: pid" }, selection: """${this.block(field.target, names)} pid""")`;
      }
      default: return '';
    }
  }

  typeConnector(object) {
    const kind = this.completed.get(object.name);
    const selection = `selection: """${this.block(object, all(object))}"""`;
    if (kind === 'this') return ` @connect(source: "api", http: { GET: "/type/${object.name}/{$this.id}" }, ${selection})`;
    if (kind !== 'batch') return '';
    const size = this.maxSize ? `, batch: { maxSize: ${this.maxSize} }` : '';
    const http = object.n % 2 === 0 ? `GET: "/batch/${object.name}", queryParams: "id: $batch.id"` : `POST: "/batch/${object.name}", body: "ids: $batch.id"`;
    return ` @connect(source: "api", http: { ${http} }${size}, ${selection})`;
  }
}

export const all = (object) => object.fields.map((field) => field.name);

function inputField(input) {
  return `${input.name}: ${show(input.type)}${input.default === undefined ? '' : ` = ${input.default}`}`;
}

/** Whether a type's connector gives each object of these names everything. */
export { isList, nameOf, literal };
