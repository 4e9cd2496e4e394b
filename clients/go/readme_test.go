package rnnloss_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var codeBlocks = regexp.MustCompile("(?s)```(\\w+)\n(.*?)```")

// run runs a command in a folder; what it printed.
func run(t *testing.T, folder, name string, arguments ...string) string {
	t.Helper()
	command := exec.Command(name, arguments...)
	command.Dir = folder
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, arguments, err, output)
	}
	return string(output)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// worker is an empty folder beside a checkout of the repository, of which this package is enough.
func worker(t *testing.T) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "rnnloss", "clients"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(here, filepath.Join(root, "rnnloss", "clients", "go")); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, "worker")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	return folder
}

// TestReadme runs the README's commands and programs as they are printed, and compares what it says they print.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	folder := worker(t)
	printed, programs := "", 0
	for _, block := range codeBlocks.FindAllStringSubmatch(string(readme), -1) {
		switch kind, text := block[1], block[2]; kind {
		case "sh":
			run(t, folder, "sh", "-ec", text)
		case "go":
			write(t, filepath.Join(folder, "main.go"), text)
			printed = run(t, folder, "go", "run", ".")
			programs++
			if formatted := run(t, folder, "gofmt", "-l", "."); formatted != "" {
				t.Errorf("program %d is not as gofmt has it", programs)
			}
		case "text":
			if printed != text {
				t.Errorf("program %d printed\n%s\nwant\n%s", programs, printed, text)
			}
		}
	}
	if programs != 3 {
		t.Errorf("%d programs", programs)
	}
}

// The other way to use the module, which the README names.
func TestWorkspace(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	const command = "go work init . ../rnnloss/clients/go"
	wantContains(t, string(readme), "`"+command+"`")
	folder := worker(t)
	write(t, filepath.Join(folder, "go.mod"), "module worker\n\ngo 1.19\n")
	write(t, filepath.Join(folder, "main.go"), "package main\n\nimport \"rnnloss\"\n\nfunc main() { println(rnnloss.Version) }\n")
	run(t, folder, "sh", "-ec", command)
	if got := strings.TrimSpace(run(t, folder, "go", "run", ".")); got != "0.1.0" {
		t.Errorf("it printed %q", got)
	}
}
