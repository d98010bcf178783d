import { formatAddress, type Identity } from '#crypto';

/** This node as others need to know it; the keys are those of `hypha id --json`. */
export interface Card {
  readonly name: string;
  readonly publicKey: string;
  readonly address: string;
  readonly card: string;
}

/** Short enough for a QR code. */
export const cardText = (publicKey: string, name: string): string =>
  `hypha:${publicKey}?name=${encodeURIComponent(name)}`;

export const cardOfIdentity = ({ publicKey, address }: Identity, name: string): Card => ({
  name,
  publicKey,
  address: formatAddress(address),
  card: cardText(publicKey, name),
});

export const cardLines = ({ name, publicKey, address, card }: Card): string[] => [
  `name           ${name}`,
  `public key     ${publicKey}`,
  `address        ${address}`,
  `card           ${card}`,
];

/** The key in a card, or the text itself. */
export const keyOfCard = (text: string): string => /^hypha:([0-9a-fA-F]{64})(?:\?.*)?$/.exec(text)?.[1] ?? text;
