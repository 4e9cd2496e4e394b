package rnnloss

import (
	"encoding/json"
	"sort"
	"strconv"
	"strings"
)

// member is an option as the wire has it: in JSON a member, in safetensors a string of the metadata.
type member struct {
	name string
	json string // its value there
	text string // its value as a string
}

// members are a request's options, without those that are left to the daemon.
func (r *Request) members() (members []member) {
	text := func(name, value string) {
		if value != "" {
			members = append(members, member{name, quote(value), value})
		}
	}
	text("gradients", string(r.Gradients))
	text("gradient_dtype", string(r.GradientDType))
	text("nonfinite", string(r.Nonfinite))
	if r.Wrt != nil {
		quoted := make([]string, len(r.Wrt))
		for i, name := range r.Wrt {
			quoted[i] = quote(name)
		}
		members = append(members, member{"wrt", "[" + strings.Join(quoted, ",") + "]", strings.Join(r.Wrt, ",")})
	}
	if r.Contract != 0 {
		members = append(members, number("contract", r.Contract))
	}
	if r.Digest {
		members = append(members, number("digest", 1))
	}
	return members
}

// sortedKeys makes the order of what is sent the same each time.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func number(name string, value int) member {
	digits := strconv.Itoa(value)
	return member{name, digits, digits}
}

// quote writes a string of JSON.
func quote(text string) string {
	quoted, _ := json.Marshal(text) // which takes any string
	return string(quoted)
}
