export async function audit(_: unknown): Promise<void> {}
