// Sends a request to the region that its `x-region` header names, and greets in every answer.

/** Values arrive as bytes; this runtime has no TextDecoder. */
const text = (bytes) => String.fromCharCode(...bytes);
const bytes = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

export const lifecycle = {
  describe: () => ({
    name: "{{name}}",
    version: "0.1.0",
    requestInputs: ["header:x-region"],
    responseInputs: ["edge.region"],
    metrics: [],
    configSchema: "",
    extra: [],
  }),
  // It takes any configuration and looks at none.
  configure(id, config) {},
  release(id) {},
};

export const routing = {
  select(request) {
    // Slots count the names in requestInputs; there is only one.
    const [region] = request.inputs;
    if (!region) return { tag: "pass" };
    return {
      tag: "route",
      val: {
        service: undefined,
        require: [],
        prefer: [{ name: "region", value: text(region.value) }],
        affinity: new Uint8Array(),
        path: undefined,
        authority: undefined,
        edits: undefined,
        timeoutMs: undefined,
        memo: 0,
      },
    };
  },
};

export const responseFilter = {
  onResponse(response, memo) {
    const [region] = response.inputs;
    const greeting = `from ${region ? text(region.value) : "somewhere"}`;
    const set = [{ name: "x-hello", value: bytes(greeting) }];
    return {
      tag: "next",
      val: {
        status: undefined,
        edits: { remove: [], set, append: [] },
        metadata: [],
        body: { tag: "none" },
      },
    };
  },
};
