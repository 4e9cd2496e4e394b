package rnnloss

// DType is the type of a tensor's elements.
type DType string

// The dtypes that there are.
const (
	Float16  DType = "F16"  // IEEE 754 binary16
	BFloat16 DType = "BF16" // the upper half of a binary32
	Float32  DType = "F32"
	Float64  DType = "F64"
)

// size of an element in bytes; 0 of an unknown dtype.
func (d DType) size() int {
	switch d {
	case Float16, BFloat16:
		return 2
	case Float32:
		return 4
	case Float64:
		return 8
	}
	return 0
}

// Tensor is a dtype, a shape, and elements in row-major order: the last axis is that of neurons, [batch, time, neuron].
//
// A Tensor made by [F32], [F64], [F16] or [BF16] is a view of the slice that it was given, which it neither copies nor
// changes: don't write to the slice while a call with it is under way; afterwards it is yours alone. A gradient is a
// view of the answer that it came in, which lives as long as one of its gradients does, and is the caller's: writing to
// it is fine. (On a big-endian machine both are copies, since the wire is little-endian.)
//
// A Tensor may be read by several goroutines at once. The zero Tensor has no elements.
type Tensor struct {
	dtype DType
	shape []int
	data  []byte // little-endian elements
}

// F32 is a tensor of binary32. Without a shape it has one axis. A shape that the elements don't fill is refused by the
// daemon, not here. So it is with F64, F16 and BF16.
func F32[E ~float32](elements []E, shape ...int) Tensor {
	return newTensor(Float32, elements, shape)
}

// F64 is a tensor of binary64.
func F64[E ~float64](elements []E, shape ...int) Tensor {
	return newTensor(Float64, elements, shape)
}

// F16 is a tensor of binary16, each element as its 16 bits: see [ToF16].
func F16[E ~uint16](bits []E, shape ...int) Tensor {
	return newTensor(Float16, bits, shape)
}

// BF16 is a tensor of bfloat16, each element as its 16 bits: see [ToBF16].
func BF16[E ~uint16](bits []E, shape ...int) Tensor {
	return newTensor(BFloat16, bits, shape)
}

// Scalar is a number, a binary64 of shape []: a claimed loss, as [ValidateRequest] takes it.
func Scalar(x float64) Tensor {
	t := F64([]float64{x})
	t.shape = []int{}
	return t
}

func newTensor[E element](dtype DType, elements []E, shape []int) Tensor {
	if len(shape) == 0 {
		shape = []int{len(elements)}
	}
	return Tensor{dtype: dtype, shape: append([]int{}, shape...), data: toBytes(elements)}
}

// DType is the type of the elements, "" of the zero Tensor.
func (t Tensor) DType() DType { return t.dtype }

// Shape is a copy of the shape.
func (t Tensor) Shape() []int { return append([]int{}, t.shape...) }

// Len is the number of elements.
func (t Tensor) Len() int {
	if t.dtype.size() == 0 {
		return 0
	}
	return len(t.data) / t.dtype.size()
}

// F32 is a view of the elements, nil unless the dtype is F32.
func (t Tensor) F32() []float32 { return viewAs[float32](t, Float32) }

// F64 is a view of the elements, nil unless the dtype is F64.
func (t Tensor) F64() []float64 { return viewAs[float64](t, Float64) }

// F16 is a view of the elements' bits, nil unless the dtype is F16: see [FromF16].
func (t Tensor) F16() []uint16 { return viewAs[uint16](t, Float16) }

// BF16 is a view of the elements' bits, nil unless the dtype is BF16: see [FromBF16].
func (t Tensor) BF16() []uint16 { return viewAs[uint16](t, BFloat16) }

func viewAs[E element](t Tensor, dtype DType) []E {
	if t.dtype != dtype {
		return nil
	}
	return fromBytes[E](t.data)
}

// Floats is a copy of the elements as binary64, which is exact from every dtype.
func (t Tensor) Floats() []float64 {
	floats := make([]float64, t.Len())
	switch t.dtype {
	case Float64:
		copy(floats, t.F64())
	case Float32:
		for i, x := range t.F32() {
			floats[i] = float64(x)
		}
	case Float16:
		for i, x := range t.F16() {
			floats[i] = FromF16(x)
		}
	case BFloat16:
		for i, x := range t.BF16() {
			floats[i] = FromBF16(x)
		}
	}
	return floats
}

// Bytes is a view of the elements as they go over the wire: little-endian, row-major.
func (t Tensor) Bytes() []byte { return t.data }
