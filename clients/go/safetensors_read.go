package rnnloss

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// safetensorsFile is an answer whose header has been checked: every offset lies inside the data.
type safetensorsFile struct {
	metadata map[string]string
	entries  map[string]safetensorsEntry
	data     []byte
}

type safetensorsEntry struct {
	DType   DType  `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
}

// readSafetensors checks a file as a whole. Its tensors are checked when they are taken: what this client doesn't know
// may have a dtype that it doesn't know.
func readSafetensors(bytes []byte) (*safetensorsFile, error) {
	if len(bytes) < 8 {
		return nil, errors.New("it is shorter than a header")
	}
	size := binary.LittleEndian.Uint64(bytes)
	if size > uint64(len(bytes)-8) {
		return nil, errors.New("its header is longer than it is")
	}
	file := &safetensorsFile{entries: map[string]safetensorsEntry{}, data: bytes[8+size:]}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(bytes[8:8+size], &members); err != nil {
		return nil, fmt.Errorf("its header: %w", err)
	}
	for name, text := range members {
		var entry safetensorsEntry
		var err error
		if name == "__metadata__" {
			err = json.Unmarshal(text, &file.metadata)
		} else if err = json.Unmarshal(text, &entry); err == nil {
			file.entries[name] = entry
		}
		if err != nil {
			return nil, fmt.Errorf("its header, %q: %w", name, err)
		}
	}
	return file, file.checkOffsets()
}

// checkOffsets sees that the tensors fill the data, without a hole and without a byte that two of them have.
func (f *safetensorsFile) checkOffsets() error {
	offsets := make([][2]int, 0, len(f.entries))
	for _, entry := range f.entries {
		offsets = append(offsets, entry.Offsets)
	}
	sort.Slice(offsets, func(i, j int) bool {
		return offsets[i][0] < offsets[j][0] || offsets[i][0] == offsets[j][0] && offsets[i][1] < offsets[j][1]
	})
	end := 0
	for _, pair := range offsets {
		if pair[0] != end || pair[1] < pair[0] || pair[1] > len(f.data) {
			return fmt.Errorf("its data_offsets %v, where %d was due", pair, end)
		}
		end = pair[1]
	}
	if end != len(f.data) {
		return fmt.Errorf("its tensors have %d bytes of %d", end, len(f.data))
	}
	return nil
}

// tensor is a view of one entry.
func (f *safetensorsFile) tensor(name string) (Tensor, error) {
	entry, ok := f.entries[name]
	if !ok {
		return Tensor{}, fmt.Errorf("it has no %s", name)
	}
	begin, end := entry.Offsets[0], entry.Offsets[1]
	if err := checkShape(entry.DType, entry.Shape, end-begin); err != nil {
		return Tensor{}, fmt.Errorf("its %s: %w", name, err)
	}
	return Tensor{dtype: entry.DType, shape: entry.Shape, data: f.data[begin:end:end]}, nil
}

// checkShape sees that elements of a shape take so many bytes.
func checkShape(dtype DType, shape []int, bytes int) error {
	if dtype.size() == 0 {
		return fmt.Errorf("its dtype %q", dtype)
	}
	count := bytes / dtype.size()
	product := 1
	for _, n := range shape {
		if n < 0 || n > 0 && product > count/n {
			return fmt.Errorf("its shape %v", shape)
		}
		product *= n
	}
	if product*dtype.size() != bytes {
		return fmt.Errorf("its shape %v, dtype %s, and %d bytes", shape, dtype, bytes)
	}
	return nil
}

// scalar is the one element of a tensor.
func (f *safetensorsFile) scalar(name string) (float64, error) {
	t, err := f.tensor(name)
	if err != nil {
		return 0, err
	}
	if t.Len() != 1 {
		return 0, fmt.Errorf("its %s has %d elements", name, t.Len())
	}
	return t.Floats()[0], nil
}

// gradients are the tensors whose names begin so.
func (f *safetensorsFile) gradients(prefix string) (map[string]Tensor, error) {
	tensors := map[string]Tensor{}
	for name := range f.entries {
		if of, ok := cutPrefix(name, prefix); ok {
			t, err := f.tensor(name)
			if err != nil {
				return nil, err
			}
			tensors[of] = t
		}
	}
	return tensors, nil
}

func readSafetensorsResult(answer *RawAnswer) (*Result, error) {
	if !isMedia(answer, mediaSafetensors) {
		return nil, unexpected(answer, answerLine(answer))
	}
	file, err := readSafetensors(answer.Body)
	if err != nil {
		return nil, unexpected(answer, err.Error())
	}
	result, err := file.result()
	if err != nil {
		return nil, unexpected(answer, err.Error())
	}
	return result, nil
}

func (f *safetensorsFile) result() (result *Result, err error) {
	result = &Result{
		Terms:        map[string]Term{},
		Unused:       splitNames(f.metadata["unused"]),
		Warnings:     splitNames(f.metadata["warnings"]),
		InputsSHA256: f.metadata["inputs_sha256"],
	}
	if result.Contract, err = strconv.Atoi(f.metadata["contract"]); err != nil {
		return nil, fmt.Errorf("its contract: %w", err)
	}
	if result.Loss, err = f.scalar("loss"); err != nil {
		return nil, err
	}
	if result.Gradients, err = f.gradients("gradients."); err != nil {
		return nil, err
	}
	for key, value := range f.metadata {
		if name, ok := cutPrefix(key, "lambda_"); ok {
			if result.Terms[name], err = f.term(name, value); err != nil {
				return nil, err
			}
		}
	}
	return result, nil
}

func (f *safetensorsFile) term(name, lambda string) (term Term, err error) {
	if term.Lambda, err = strconv.ParseFloat(lambda, 64); err != nil {
		return term, fmt.Errorf("its lambda_%s: %w", name, err)
	}
	if term.Loss, err = f.scalar("terms." + name + ".loss"); err != nil {
		return term, err
	}
	if term.Unweighted, err = f.scalar("terms." + name + ".unweighted"); err != nil {
		return term, err
	}
	term.Gradients, err = f.gradients("terms." + name + ".gradients.")
	return term, err
}

// splitNames undoes a join by commas.
func splitNames(joined string) []string {
	if joined == "" {
		return []string{}
	}
	return strings.Split(joined, ",")
}
