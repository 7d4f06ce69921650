// A product of a seeded shop and its changes by orders, as the products service would have made them.
import type { Random } from './random.ts';
import { FEATURES, GROUPS, STYLES } from './words.ts';

const MAX_STOCK = 5_000;
const MAX_CENTS = 99_999_99;

/** `version` and `contentVersion` count as in the table. Prices are in cents. */
export type Shelf = {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly createdAt: Date;
  readonly archivedAt: Date | null;
  cents: number;
  stock: number;
  version: number;
  contentVersion: number;
  updatedAt: Date;
  /** All units that were ever added: `stock` and the units that orders hold or have taken. */
  putIn: number;
};

/** Makes a new product. `archivedAt` is the time of its deletion from the catalog, or null. */
export function createShelf(random: Random, id: number, createdAt: Date, archivedAt: Date | null): Shelf {
  const { things, materials, variants, cares } = random.pick(GROUPS);
  const [thing, about] = random.pick(things);
  const material = random.pick(materials);
  const variant = random.happens(2 / 3) ? `, ${random.pick(variants)}` : '';
  const stock = Math.min(MAX_STOCK, Math.round(40 * Math.exp(random.normal())));
  const description = `${material} ${thing}, ${random.pick(FEATURES)}. ${random.pick(cares)}.`;
  return {
    id,
    name: `${random.pick(STYLES)} ${material} ${thing}${variant}`,
    description: description.charAt(0).toUpperCase() + description.slice(1),
    createdAt,
    archivedAt,
    cents: choosePriceNear(random, 100 * about * Math.exp(0.35 * random.normal())),
    stock,
    version: archivedAt === null ? 1 : 2,
    contentVersion: 1,
    updatedAt: archivedAt ?? createdAt,
    putIn: stock,
  };
}

/** A realistic price near `cents`: it ends in 00, 50 or 90. */
function choosePriceNear(random: Random, cents: number): number {
  const units = Math.max(1, Math.round(cents / 100));
  return Math.min(MAX_CENTS, units * 100 - random.pick([0, 10, 50]));
}

/** Takes the units if the stock has them, and returns whether it did. */
export function takeUnits(shelf: Shelf, units: number, at: Date): boolean {
  if (shelf.stock < units) return false;
  addUnits(shelf, -units, at);
  return true;
}

/** Changes the stock as a sale, a cancellation or `adjustStock` does. */
export function addUnits(shelf: Shelf, units: number, at: Date): void {
  shelf.stock += units;
  recordChange(shelf, at);
}

/** Adds units that come from outside the shop. */
export function restock(shelf: Shelf, units: number, at: Date): void {
  addUnits(shelf, units, at);
  shelf.putIn += units;
}

export function changePrice(shelf: Shelf, random: Random, at: Date): void {
  shelf.cents = choosePriceNear(random, shelf.cents * (0.9 + 0.2 * random.next()));
  recordChange(shelf, at);
  shelf.contentVersion = shelf.version;
}

function recordChange(shelf: Shelf, at: Date): void {
  shelf.version += 1;
  // The units of a cancelled order may come back later than the next order takes its units.
  if (at > shelf.updatedAt) shelf.updatedAt = at;
}
