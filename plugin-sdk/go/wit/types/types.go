// Package types has the shapes of the component model that Go lacks: what may be absent, what may have
// failed, and values side by side. The names are those that the generated bindings use.
package types

// Unit is nothing.
type Unit struct{}

const (
	OptionNone uint8 = iota
	OptionSome
)

// Option is a value or none; the zero value is none.
type Option[T any] struct {
	tag   uint8
	value T
}

func Some[T any](value T) Option[T] { return Option[T]{OptionSome, value} }

func None[T any]() Option[T] { return Option[T]{} }

func (option Option[T]) Tag() uint8 { return option.tag }

func (option Option[T]) IsSome() bool { return option.tag == OptionSome }

func (option Option[T]) IsNone() bool { return option.tag == OptionNone }

// Some gives the value, and panics where there is none.
func (option Option[T]) Some() T {
	if option.tag == OptionNone {
		panic("this option is none")
	}
	return option.value
}

// SomeOr gives the value, or another where there is none.
func (option Option[T]) SomeOr(other T) T {
	if option.tag == OptionNone {
		return other
	}
	return option.value
}

const (
	ResultOk uint8 = iota
	ResultErr
)

// Result is a value or an error; the zero value is a success with the zero value.
type Result[T, E any] struct {
	tag   uint8
	value T
	err   E
}

func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{tag: ResultOk, value: value} }

func Err[T, E any](err E) Result[T, E] { return Result[T, E]{tag: ResultErr, err: err} }

func (result Result[T, E]) Tag() uint8 { return result.tag }

func (result Result[T, E]) IsOk() bool { return result.tag == ResultOk }

func (result Result[T, E]) IsErr() bool { return result.tag == ResultErr }

// Ok gives the value, and panics where there is an error.
func (result Result[T, E]) Ok() T {
	if result.tag != ResultOk {
		panic("this result is an error")
	}
	return result.value
}

// Err gives the error, and panics where there is none.
func (result Result[T, E]) Err() E {
	if result.tag != ResultErr {
		panic("this result is no error")
	}
	return result.err
}

type Tuple2[T0, T1 any] struct {
	F0 T0
	F1 T1
}

type Tuple3[T0, T1, T2 any] struct {
	F0 T0
	F1 T1
	F2 T2
}

type Tuple4[T0, T1, T2, T3 any] struct {
	F0 T0
	F1 T1
	F2 T2
	F3 T3
}
