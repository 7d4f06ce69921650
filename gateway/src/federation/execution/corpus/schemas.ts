// The corpus's own graph, made to meet everything that a plan can have: interfaces and unions whose members live in several
// subgraphs, several keys, composite keys, @requires, @provides, an interface object, value types, lists of lists.

const LINK = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@requires", "@provides", "@external", "@interfaceObject", "@inaccessible"])
scalar Money
scalar Json
`;

const CATALOG = `${LINK}
type Query {
  item(id: ID!): Item
  items(first: Int = 3, genre: Genre, hint: String): [Item]
  shelf: [[Item!]]
  search(text: String, limits: [Int!]): [Found]
  found: Found!
  book(id: ID!): Book
  books(first: Int): [Book!]!
  matrix(rows: Int = 2): [[Int]!]
  media(id: ID!): Media
  allMedia: [Media]
  mustHave: Book!
  shared: Note @shareable
  notes: [Note!] @shareable
  json: Json
}
type Mutation {
  addBook(input: BookInput!): AddResult
  removeItem(id: ID!, soft: Boolean = true): Item
  touch(times: Int): Int
}
input BookInput { title: String!, genre: Genre = FABLE, tags: [String], size: SizeInput }
input SizeInput { width: Int, height: Int = 4 }
enum Genre { FABLE ESSAY SECRET @inaccessible }
interface Item { id: ID! title: String mark: String maker: Person }
interface Media @key(fields: "id") { id: ID! title: String length: Int! }
union Found = Book | Film | Person | Refused
union AddResult = Book | Refused
type Refused implements Problem @shareable { code: String! message: String }
interface Problem { code: String! }
type Book implements Item @key(fields: "id") @key(fields: "isbn") {
  id: ID! isbn: String! title: String mark: String! maker: Person genre: Genre extent: Int! weight: Int! size: Size price(currency: String = "EUR"): Money
  tags: [String] editions: [Edition!] best: Edition related(first: Int = 2): [Item!] extra: Json
}
type Film implements Item @key(fields: "id") {
  id: ID! title: String mark: String maker: Person length: Int! extent: String scenes: [[Scene]!]! sequel: Film
}
type Disc implements Media @key(fields: "id") { id: ID! title: String length: Int! tracks: [Track!]! }
type Tape implements Media @key(fields: "id") { id: ID! title: String length: Int! speed: Float }
type Track { name: String length: Int disc: Disc }
type Scene { place: String actors: [Person] }
type Edition @key(fields: "book { id } number") @key(fields: "number") { book: Book! number: Int! year: Int pages: Int! }
type Size @shareable { width: Int height: Int unit: Unit }
type Unit @shareable { name: String! factor: Float }
type Note @shareable { text: String about: String author: Person @inaccessible }
type Person @key(fields: "id") { id: ID! }
`;

const REVIEWS = `${LINK}
type Query { review(id: ID!): Review  reviews(first: Int = 2): [Review]  rated: [Rated]  shared: Note @shareable  notes: [Note!] @shareable }
type Mutation { addReview(of: ID!, text: String!): Review  vote(id: ID!): Rated  clear: Boolean! }
interface Rated { rating: Float votes: Int! }
type Review implements Rated @key(fields: "id") {
  id: ID! text: String rating: Float votes: Int! book: Book author: Person @provides(fields: "name") replies: [Review] verdict: Verdict subject: Subject
}
enum Verdict { GOOD BAD }
union Subject = Book | Film | Person
type Book implements Rated @key(fields: "id") { id: ID! rating: Float votes: Int! reviews(first: Int = 1): [Review!]! bestReview: Review }
type Film implements Rated @key(fields: "id") { id: ID! rating: Float votes: Int! reviews: [Review] }
type Person @key(fields: "id") { id: ID! name: String! @external reviews(first: Int = 2): [Review!] }
type Note @shareable { text: String about: String }
`;

const STOCK = `${LINK}
type Query { cheapest(count: Int): [Book!]  stocked: [Stocked]  sizes: [[Size!]!]  topMedia: Media  charts: [Media!] }
type Mutation { restock(isbn: String!, by: Int = 1): Book  ship(to: ShipInput): Shipment }
input ShipInput { isbn: String!, person: ID }
interface Stocked { stock: Int! }
type Book implements Stocked @key(fields: "isbn") {
  isbn: String! stock: Int! weight: Int! @external size: Size @external tags: [String] @external best: Edition @external
  parcel: Parcel @requires(fields: "weight size { width height }")
  label(upper: Boolean): String @requires(fields: "tags size { unit { name } }")
  bestLabel: String @requires(fields: "best { year }")
}
type Parcel @shareable { size: Size cost: Money carrier: Carrier }
type Carrier @key(fields: "name region { code }") { name: String! region: Region! trips: Int }
type Region @shareable { code: String! }
type Size @shareable { width: Int height: Int unit: Unit }
type Unit @shareable { name: String! factor: Float }
type Shipment { book: Book carrier: Carrier! receiver: Person }
type Edition @key(fields: "number") { number: Int! year: Int @external stock: Int }
type Media @key(fields: "id") @interfaceObject { id: ID! score: Int fans: [Person!] bundle: Book }
type Person @key(fields: "id", resolvable: false) { id: ID! }
`;

const PEOPLE = `${LINK}
type Query { person(id: ID!): Person  people(ids: [ID!]): [Person]  me: Person!  node(id: ID!): Node }
type Mutation { rename(id: ID!, name: String!): Person  join(name: String, role: Role = READER): JoinResult }
enum Role { READER WRITER }
interface Node { id: ID! }
union JoinResult = Person | Refused
type Refused implements Problem @shareable { code: String! message: String }
interface Problem { code: String! }
type Person implements Node @key(fields: "id") {
  id: ID! name: String! @shareable nick: String role: Role friends(first: Int = 2): [Person] bestFriend: Person address: Address! homes: [Address!] favorite: Favorite favorites: [[Favorite]]
}
type Address { street: String city: City }
type City @key(fields: "code") { code: ID! name: String mayor: Person }
union Favorite = Book | Film | City | Carrier
type Book @key(fields: "id") { id: ID! owners: [Person!] }
type Film @key(fields: "id") { id: ID! cast: [Person] }
type Carrier implements Node @key(fields: "name region { code }") { name: String! region: Region! id: ID! boss: Person }
type Region @shareable { code: String! }
`;

export const CORPUS_SCHEMAS: Readonly<Record<string, string>> = {
  catalog: CATALOG,
  reviews: REVIEWS,
  stock: STOCK,
  people: PEOPLE,
};
