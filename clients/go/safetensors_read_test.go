package rnnloss

import (
	"encoding/binary"
	"math/rand"
	"testing"
)

// Whatever comes, reading it ends in a result or in an error.
func FuzzReadSafetensors(f *testing.F) {
	request := &Request{Lambdas: map[string]float64{"lambda_fr": 1}, Tensors: map[string]Tensor{"fr": F32([]float32{1, 2}), "pred": F16([]uint16{1})}}
	var good []byte
	for _, piece := range safetensorsBody(request, nil) {
		good = append(good, piece...)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) { takeAll(data) })
}

func takeAll(data []byte) {
	file, err := readSafetensors(data)
	if err != nil {
		return
	}
	file.result()
	for name := range file.entries {
		if tensor, err := file.tensor(name); err == nil {
			tensor.Floats()
		}
	}
}

func TestMutatedAnswers(t *testing.T) {
	header := `{"__metadata__":{"contract":"1","lambda_fr":"1.0"},"loss":{"dtype":"F64","shape":[],"data_offsets":[0,8]},` +
		`"terms.fr.loss":{"dtype":"F64","shape":[],"data_offsets":[8,16]},"terms.fr.unweighted":{"dtype":"F64","shape":[],"data_offsets":[16,24]},` +
		`"gradients.fr":{"dtype":"F16","shape":[2,2],"data_offsets":[24,32]}}`
	good := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	good = append(good, make([]byte, 32)...)
	if file, err := readSafetensors(good); err != nil {
		t.Fatal(err)
	} else if _, err := file.result(); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewSource(2))
	for i := 0; i < 50000; i++ {
		data := append([]byte{}, good...)
		for n := 1 + random.Intn(3); n > 0; n-- {
			data[random.Intn(len(data))] = "0123456789-[]{},:\"FB\x00\xff"[random.Intn(22)]
		}
		takeAll(data[:len(data)-random.Intn(2)*random.Intn(len(data))])
	}
}
