// The words of which a seeded shop makes names and texts.

const words = (text: string): string[] => text.trim().split(/\s*,\s*/);

export const STYLES = words(
  `Artisan, Basic, Classic, Coastal, Compact, Country, Elegant, Essential, Everyday, Fine, Handmade, Heavy, Large, Light,
  Little, Modern, Nordic, Old-style, Plain, Professional, Pure, Robust, Rustic, Simple, Slim, Small, Solid, Studio, Sturdy,
  Timeless, Traditional, Urban, Vintage, Workshop`,
);
type Group = {
  /** Each has an approximate price in the shop's currency. */
  readonly things: readonly (readonly [name: string, price: number])[];
  readonly materials: readonly string[];
  /** The last part of names, such as a size. */
  readonly variants: readonly string[];
  readonly cares: readonly string[];
};

const COLOURS = words('natural, black, white, grey, blue, green, ochre, red, sand');

/** Things of the same materials, with the same care. */
export const GROUPS: readonly Group[] = [
  {
    things: [
      ['bottle', 24],
      ['carafe', 34],
      ['coffee dripper', 26],
      ['cup', 11],
      ['jug', 28],
      ['kettle', 62],
      ['mixing bowl', 22],
      ['mug', 12],
      ['oil can', 19],
      ['storage jar', 13],
      ['teapot', 46],
      ['vase', 33],
    ],
    materials: words('ceramic, copper, enamel, glass, porcelain, stainless steel, stoneware, titanium'),
    variants: words('0.2 l, 0.3 l, 0.5 l, 0.75 l, 1 l, 1.5 l, 2 l, 2.5 l, 3 l, set of 2, set of 4'),
    cares: words('Goes into the dishwasher, Wash it by hand, Safe for food, Comes with a care leaflet'),
  },
  {
    things: [
      ['baking tray', 18],
      ['bread bin', 45],
      ['chopping board', 29],
      ['colander', 23],
      ['fruit bowl', 38],
      ['ladle', 14],
      ['mortar', 33],
      ['pan', 58],
      ['pepper mill', 36],
      ['plate', 15],
      ['rolling pin', 20],
      ['salad servers', 22],
      ['spatula', 10],
      ['tray', 25],
      ['whisk', 12],
    ],
    materials: words(
      'ash, bamboo, beech, cast-iron, cherry, granite, marble, maple, oak, olive wood, slate, steel, walnut',
    ),
    variants: words('14 cm, 18 cm, 20 cm, 24 cm, 26 cm, 28 cm, 30 cm, 34 cm, 40 cm, set of 2, set of 4'),
    cares: words(
      'Wash it by hand, Wipe it with a damp cloth, Oil it twice a year, Keep it dry, Safe for food',
    ),
  },
  {
    things: [
      ['apron', 32],
      ['backpack', 89],
      ['blanket', 92],
      ['cushion', 42],
      ['doormat', 38],
      ['napkins', 18],
      ['rug', 180],
      ['shopping bag', 21],
      ['table runner', 36],
      ['tea towel', 12],
      ['throw', 66],
      ['wash bag', 27],
    ],
    materials: words('alpaca, canvas, cotton, felt, hemp, jute, lambswool, linen, merino, wool'),
    variants: [...COLOURS, ...words('natural and black, blue and white, small check, wide stripe')],
    cares: words('Machine wash at 30 °C, Wash it by hand, Air it rather than wash it, Iron it while damp'),
  },
  {
    things: [
      ['bench', 160],
      ['bookend', 19],
      ['bookshelf', 210],
      ['chair', 140],
      ['coat rack', 75],
      ['desk lamp', 68],
      ['desk organiser', 31],
      ['mirror', 95],
      ['picture frame', 24],
      ['shoe rack', 82],
      ['side table', 130],
      ['stool', 79],
      ['wall hook', 8],
      ['wall shelf', 84],
    ],
    materials: words(
      'aluminium, ash, bamboo, beech, birch, brass, cherry, elm, larch, maple, oak, pine, steel, walnut',
    ),
    variants: [...COLOURS, ...words('30 cm, 40 cm, 45 cm, 60 cm, 80 cm, 100 cm, oiled, waxed, lacquered')],
    cares: words('Wipe it with a damp cloth, Oil it once a year, Needs no care, Good for indoors only'),
  },
  {
    things: [
      ['bar clamp', 22],
      ['bow saw', 39],
      ['chisel', 28],
      ['garden fork', 24],
      ['hand plane', 79],
      ['hammer', 27],
      ['hatchet', 64],
      ['mallet', 26],
      ['pruning knife', 34],
      ['spade', 58],
      ['spirit level', 31],
      ['trowel', 19],
      ['tool box', 54],
      ['try square', 33],
    ],
    materials: words(
      'ash-handled, beech-handled, brass-bound, carbon-steel, forged, hickory-handled, oak-handled, stainless',
    ),
    variants: words(
      '100 g, 250 g, 500 g, 800 g, 10 cm, 15 cm, 20 cm, 25 cm, 30 cm, 45 cm, left-handed, with a sheath',
    ),
    cares: words(
      'Oil the blade, Keep it dry, Sharpen it when it drags, Needs no care, Comes with a care leaflet',
    ),
  },
];

export const FEATURES = words(
  `made to be repaired, finished by hand, tested for ten years of use, from a workshop of six people, made in small runs,
  packed without plastic, in a shape that has lasted for a century, with a guarantee of five years, designed for daily use,
  numbered by its maker, made to order, inspected twice, from a family business`,
);
export const FIRST_NAMES = words(
  `ada, agnes, akira, alba, alex, amara, amir, ana, anders, anton, arjun, astrid, ayse, beata, bela, bruno, carla, chen,
  clara, daniel, david, diego, dina, elena, elif, elsa, emil, emma, erik, esther, eva, fatima, felix, finn, flora, frida,
  george, grace, hana, hans, hassan, helen, hugo, ida, igor, ines, irene, ivan, jack, jana, joao, jonas, jorge, julia,
  kofi, lara, lars, layla, lea, leo, lena, liam, lin, lucia, luis, maja, marco, maria, marta, mateo, maya, mei, mila,
  mina, mohamed, nadia, nina, noah, nora, olga, olivia, omar, oscar, pablo, paula, petra, priya, rafael, rosa, sam, sara,
  selma, simon, sofia, sven, tariq, thea, tim, tomas, vera, viktor, wei, yara, yusuf, zoe`,
);
export const LAST_NAMES = words(
  `abe, adams, ahmed, almeida, andersen, bauer, becker, berg, bianchi, boateng, brandt, brown, campos, carter, castro,
  chen, clark, costa, cruz, dahl, davis, demir, diaz, dubois, eriksen, evans, fernandez, ferrari, fischer, fontaine,
  garcia, gomez, green, gupta, haas, hansen, harris, hoffmann, horvat, hughes, ibrahim, ivanova, jensen, johnson, jones,
  kaya, keller, khan, kim, klein, kowalski, kumar, larsen, laurent, lee, lehmann, lopez, marin, martin, meyer, miller,
  moreau, morris, nagy, nakamura, nguyen, nielsen, novak, okafor, olsen, ortega, osei, patel, peeters, pereira, petrov,
  popescu, reyes, ricci, rossi, ruiz, sato, schmidt, sharma, silva, singh, smith, sousa, suzuki, svensson, tanaka, taylor,
  thomas, torres, varga, vega, vogel, walker, wang, weber, white, williams, wilson, wood, yilmaz, young, zhang`,
);

/** Domains that receive no mail (RFC 2606). */
export const MAIL_DOMAINS = ['example.com', 'example.net', 'example.org'] as const;

export const CUSTOMER_REASONS = [
  'Ordered the wrong size',
  'Found it in a shop nearby',
  'Ordered it twice',
  'No longer needed',
  'It takes too long',
] as const;
export const STAFF_REASONS = [
  'The customer asked for it by phone',
  'The address does not exist',
  'Damaged in the warehouse',
  'The payment did not arrive',
] as const;
