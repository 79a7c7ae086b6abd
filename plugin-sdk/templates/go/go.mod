module example.org/{{name}}

go 1.25

require go.bytecodealliance.org/pkg v0.0.0

// `hither plugin build` writes it.
replace go.bytecodealliance.org/pkg => ./build/support
