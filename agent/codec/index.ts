export type { MessageProperties, Publication } from './publication.ts';
