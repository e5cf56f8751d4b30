/** The models that the server has. */

export interface Model {
  name: string;
  /** Another one for other contents, so that a copy under it stays right. */
  url: string;
  bytes: number;
}

/** @throws Error The server, and the copy of its last answer, cannot be had; or it has no model. */
export async function listModels(): Promise<Model[]> {
  const response = await fetch("models.json").catch(() => undefined);
  if (!response?.ok) throw new Error("the server does not answer; is `keras-s2s web` still running?");
  const models = (await response.json()) as Model[];
  if (models.length === 0) throw new Error("the server has no model any more");
  return models;
}
