export { docsAsToml, jsonSchema, type SectionDoc, sectionDocs } from './config/docs.ts';
export { ConfigError, formatProblem, type Problem } from './config/problem.ts';
export { type Configuration, readSettings, type SettingsInput } from './config/read.ts';
export { isName } from './config/values.ts';
export { findIdentity, openIdentity } from './identity.ts';
