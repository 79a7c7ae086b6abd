// Package plugin sends a request to the region that its `x-region` header names, and greets in every
// answer. Each hook of hooks.wit is a variable here; its methods are what the host calls.
package plugin

import (
	"example.org/{{name}}/build/bindings/hither_plugin_lifecycle"
	"example.org/{{name}}/build/bindings/hither_plugin_routing"
	"example.org/{{name}}/build/bindings/hither_plugin_types"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

type lifecycle struct{}
type routing struct{}
type responseFilter struct{}

var (
	Lifecycle      lifecycle
	Routing        routing
	ResponseFilter responseFilter
)

func (lifecycle) Describe() hither_plugin_lifecycle.Manifest {
	return hither_plugin_lifecycle.Manifest{
		Name:           "{{name}}",
		Version:        "0.1.0",
		RequestInputs:  []string{"header:x-region"},
		ResponseInputs: []string{"edge.region"},
	}
}

// It takes any configuration and looks at none.
func (lifecycle) Configure(id uint32, config []byte) wit.Result[wit.Unit, string] {
	return wit.Ok[wit.Unit, string](wit.Unit{})
}

func (lifecycle) Release(id uint32) {}

func (routing) Select(request hither_plugin_types.Request) hither_plugin_routing.Decision {
	// Slots count the names in RequestInputs; there is only one.
	if len(request.Inputs) == 0 {
		return hither_plugin_routing.MakeDecisionPass()
	}
	region := string(request.Inputs[0].Value)
	return hither_plugin_routing.MakeDecisionRoute(hither_plugin_routing.Target{
		Prefer: []hither_plugin_types.Pair{{Name: "region", Value: region}},
	})
}

func (responseFilter) OnResponse(response hither_plugin_types.Response, memo uint64) hither_plugin_types.ResponseVerdict {
	region := "somewhere"
	if len(response.Inputs) > 0 {
		region = string(response.Inputs[0].Value)
	}
	set := []hither_plugin_types.Field{{Name: "x-hello", Value: []byte("from " + region)}}
	return hither_plugin_types.MakeResponseVerdictNext(hither_plugin_types.ResponsePatch{
		Edits: wit.Some(hither_plugin_types.Edits{Set: set}),
	})
}
