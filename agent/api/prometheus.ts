/** By a file of our own, for a bundle gives a dynamic import of a CommonJS package no names. */
export { Counter, Gauge, Registry } from 'prom-client';
