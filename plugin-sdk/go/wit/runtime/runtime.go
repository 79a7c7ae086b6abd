// Package runtime gives the generated bindings memory that stays where it is while the host looks at it.
package runtime

import (
	"fmt"
	"runtime"
	"unsafe"
)

// What the host put into this plugin's memory; let go when the call has read it.
var arguments runtime.Pinner

// Allocate gives zeroed memory that stays until the pinner lets it go. Nothing is at no address.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	memory := aligned(size, align)
	pinner.Pin(memory)
	return memory
}

// Slices of wider elements begin at multiples of their width.
func aligned(size, align uintptr) unsafe.Pointer {
	switch align {
	case 1:
		return unsafe.Pointer(unsafe.SliceData(make([]uint8, size)))
	case 2:
		return unsafe.Pointer(unsafe.SliceData(make([]uint16, (size+1)/2)))
	case 4:
		return unsafe.Pointer(unsafe.SliceData(make([]uint32, (size+3)/4)))
	case 8:
		return unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	}
	panic(fmt.Sprintf("no value is aligned to %d bytes", align))
}

// Unpin lets go of what the host put in.
func Unpin() { arguments.Unpin() }

//go:wasmexport cabi_realloc
func reallocate(old unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	memory := Allocate(&arguments, size, align)
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(memory), size), unsafe.Slice((*byte)(old), min(oldSize, size)))
	}
	return memory
}
