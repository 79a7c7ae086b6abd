// Sends a request to the region that its `x-region` header names, and greets in every answer.

#include <stdlib.h>
#include <string.h>

#include "hooks.h"

// What the host frees has to be its own piece of memory.
static hooks_string_t text(const char *words) {
  hooks_string_t copy;
  hooks_string_dup(&copy, words);
  return copy;
}

static hooks_list_string_t names(const char *name) {
  hooks_list_string_t list = {malloc(sizeof(hooks_string_t)), 1};
  list.ptr[0] = text(name);
  return list;
}

void exports_hither_plugin_lifecycle_describe(exports_hither_plugin_lifecycle_manifest_t *manifest) {
  memset(manifest, 0, sizeof *manifest);
  manifest->name = text("{{name}}");
  manifest->version = text("0.1.0");
  manifest->request_inputs = names("header:x-region");
  manifest->response_inputs = names("edge.region");
}

// It takes any configuration and looks at none.
bool exports_hither_plugin_lifecycle_configure(uint32_t id, hooks_list_u8_t *config, hooks_string_t *error) {
  (void)id;
  (void)error;
  hooks_list_u8_free(config);
  return true;
}

void exports_hither_plugin_lifecycle_release(uint32_t id) { (void)id; }

void exports_hither_plugin_routing_select(exports_hither_plugin_routing_request_t *request,
                                          exports_hither_plugin_routing_decision_t *decision) {
  memset(decision, 0, sizeof *decision);
  if (request->inputs.len > 0) {
    // Slots count the names in request_inputs; there is only one.
    hooks_list_u8_t *region = &request->inputs.ptr[0].value;
    exports_hither_plugin_routing_pair_t *prefer = malloc(sizeof *prefer);
    prefer->name = text("region");
    hooks_string_dup_n(&prefer->value, (const char *)region->ptr, region->len);
    decision->tag = EXPORTS_HITHER_PLUGIN_ROUTING_DECISION_ROUTE;
    decision->val.route.prefer.ptr = prefer;
    decision->val.route.prefer.len = 1;
  }
  exports_hither_plugin_routing_request_free(request);
}

void exports_hither_plugin_response_filter_on_response(
    exports_hither_plugin_response_filter_response_t *response, uint64_t memo,
    exports_hither_plugin_response_filter_response_verdict_t *verdict) {
  (void)memo;
  memset(verdict, 0, sizeof *verdict);
  hooks_list_u8_t region = {(uint8_t *)"somewhere", strlen("somewhere")};
  if (response->inputs.len > 0) {
    region = response->inputs.ptr[0].value;
  }
  hither_plugin_types_field_t *set = malloc(sizeof *set);
  set->name = text("x-hello");
  set->value.len = strlen("from ") + region.len;
  set->value.ptr = malloc(set->value.len);
  memcpy(set->value.ptr, "from ", strlen("from "));
  memcpy(set->value.ptr + strlen("from "), region.ptr, region.len);
  verdict->tag = HITHER_PLUGIN_TYPES_RESPONSE_VERDICT_NEXT;
  verdict->val.next.edits.is_some = true;
  verdict->val.next.edits.val.set.ptr = set;
  verdict->val.next.edits.val.set.len = 1;
  exports_hither_plugin_response_filter_response_free(response);
}
