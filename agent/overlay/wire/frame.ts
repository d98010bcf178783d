import { constant, layout, reserved, u8 } from '#codec';

/** Frame header, in front of every packet on a link. Mycelium 0.7.10. 4 bytes. */
export const frameHeader = layout('frame', { version: constant(u8, 1), type: u8, reserved: reserved(2) });

export const frameHeaderBytes = 4;

export const frameType = { data: 0, control: 1 } as const;
