package rnnloss

import (
	"encoding/binary"
	"unsafe"
)

// element is what a tensor's memory may be seen as.
type element interface {
	~float32 | ~float64 | ~uint16
}

// viewable says that numbers lie in this machine's memory as they go over the wire. A variable, so that tests meet the
// copies of a big-endian machine.
var viewable = isLittleEndian()

func isLittleEndian() bool {
	one := uint16(1)
	return *(*byte)(unsafe.Pointer(&one)) == 1
}

// toBytes is the elements' memory, or little-endian copies of them.
func toBytes[E element](elements []E) []byte {
	if len(elements) == 0 {
		return nil
	}
	first, size := unsafe.Pointer(&elements[0]), int(unsafe.Sizeof(elements[0]))
	if viewable {
		return unsafe.Slice((*byte)(first), size*len(elements))
	}
	bytes := make([]byte, size*len(elements))
	for i := range elements {
		at, to := unsafe.Pointer(&elements[i]), bytes[i*size:]
		switch size {
		case 2:
			binary.LittleEndian.PutUint16(to, *(*uint16)(at))
		case 4:
			binary.LittleEndian.PutUint32(to, *(*uint32)(at))
		default:
			binary.LittleEndian.PutUint64(to, *(*uint64)(at))
		}
	}
	return bytes
}

// fromBytes is the bytes seen as elements, or copies where they lie the wrong way round or across the machine's words.
func fromBytes[E element](bytes []byte) []E {
	var none E
	size := int(unsafe.Sizeof(none))
	count := len(bytes) / size
	if count == 0 {
		return []E{}
	}
	if first := unsafe.Pointer(&bytes[0]); viewable && uintptr(first)%uintptr(size) == 0 {
		return unsafe.Slice((*E)(first), count)
	}
	elements := make([]E, count)
	for i := range elements {
		at, from := unsafe.Pointer(&elements[i]), bytes[i*size:]
		switch size {
		case 2:
			*(*uint16)(at) = binary.LittleEndian.Uint16(from)
		case 4:
			*(*uint32)(at) = binary.LittleEndian.Uint32(from)
		default:
			*(*uint64)(at) = binary.LittleEndian.Uint64(from)
		}
	}
	return elements
}
