package rejoin_test

import (
	"bytes"
	"errors"
	"flag"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the exported API to the files in .api")

// TestAPI compares the exported API of each package with a file in .api, so that a review
// shows each change of the API.
func TestAPI(t *testing.T) {
	want := make(map[string][]string)
	files, err := filepath.Glob(".api/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		want[file] = strings.Split(strings.TrimSpace(read(t, file)), "\n")
	}
	got := make(map[string][]string)
	for _, line := range golist(t, "-f", "{{.Name}}|{{.ImportPath}}|{{range .GoFiles}}{{$.Dir}}/{{.}}|{{end}}", "./...") {
		fields := strings.Split(strings.TrimSuffix(line, "|"), "|")
		name, path := fields[0], fields[1]
		if name == "main" || strings.Contains(path, "/internal/") || strings.HasPrefix(path, module+"examples/") {
			continue
		}
		if lines := exported(t, fields[2:]); len(lines) > 0 {
			file := strings.ReplaceAll(strings.TrimPrefix(path, module), "/", ".") + ".txt"
			got[filepath.Join(".api", file)] = lines
		}
	}
	if *update {
		writeAPI(t, got, files)
		return
	}
	changed := false
	for _, file := range sortedUnion(got, want) {
		for _, line := range difference(want[file], got[file]) {
			t.Errorf("%s: - %s", file, line)
			changed = true
		}
		for _, line := range difference(got[file], want[file]) {
			t.Errorf("%s: + %s", file, line)
			changed = true
		}
	}
	if changed {
		t.Error(`The exported API differs from the files in .api (- is missing, + is new).
If that is intended, run "go test . -run TestAPI -update", review the diff, and describe the change in CHANGELOG.md.`)
	}
}

func writeAPI(t *testing.T, api map[string][]string, old []string) {
	t.Helper()
	for _, file := range old {
		if _, ok := api[file]; !ok {
			if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	if err := os.MkdirAll(".api", 0o755); err != nil {
		t.Fatal(err)
	}
	for file, lines := range api {
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// exported returns a sorted line for each exported declaration in the files of a package, for
// each exported field of a struct, and for each method of an interface.
func exported(t *testing.T, files []string) []string {
	t.Helper()
	var lines []string
	for _, file := range files {
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range source.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type))) {
					lines = append(lines, exportedFunc(t, d))
				}
			case *ast.GenDecl:
				lines = append(lines, exportedSpecs(t, d)...)
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines) // a name may be declared for several systems
}

func exportedFunc(t *testing.T, d *ast.FuncDecl) string {
	t.Helper()
	function := text(t, &ast.FuncDecl{Name: d.Name, Type: d.Type})
	if d.Recv == nil {
		return function
	}
	return "method (" + text(t, d.Recv.List[0].Type) + ") " + strings.TrimPrefix(function, "func ")
}

func exportedSpecs(t *testing.T, d *ast.GenDecl) (lines []string) {
	t.Helper()
	var previous *ast.ValueSpec // whose type and values a constant without values repeats
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() {
				lines = append(lines, exportedType(t, spec)...)
			}
		case *ast.ValueSpec:
			if previous == nil || len(spec.Values) > 0 || d.Tok == token.VAR {
				previous = spec
			}
			for i, name := range spec.Names {
				if !name.IsExported() {
					continue
				}
				line := d.Tok.String() + " " + name.Name
				if previous.Type != nil {
					line += " " + text(t, previous.Type)
				}
				if d.Tok == token.CONST {
					line += " = " + text(t, previous.Values[i])
				}
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func exportedType(t *testing.T, spec *ast.TypeSpec) (lines []string) {
	t.Helper()
	name := "type " + spec.Name.Name
	if spec.TypeParams != nil {
		var parameters []string
		for _, p := range spec.TypeParams.List {
			parameters = append(parameters, names(p)+text(t, p.Type))
		}
		name += "[" + strings.Join(parameters, ", ") + "]"
	}
	switch definition := spec.Type.(type) {
	case *ast.StructType:
		name += " struct"
		return append([]string{name}, members(t, name, definition.Fields)...)
	case *ast.InterfaceType:
		name += " interface"
		return append([]string{name}, members(t, name, definition.Methods)...)
	}
	if spec.Assign.IsValid() {
		name += " ="
	}
	return []string{name + " " + text(t, spec.Type)}
}

// members returns a line for each exported field or method, and one if there are others.
func members(t *testing.T, of string, fields *ast.FieldList) (lines []string) {
	t.Helper()
	unexported := false
	for _, field := range fields.List {
		definition := text(t, field.Type)
		if field.Tag != nil {
			tag, err := strconv.Unquote(field.Tag.Value)
			if err != nil {
				t.Fatal(err)
			}
			if json, ok := reflect.StructTag(tag).Lookup("json"); ok { // other tags are for this module
				definition += " `json:" + strconv.Quote(json) + "`"
			}
		}
		if len(field.Names) == 0 { // embedded
			lines = append(lines, of+", "+definition)
		}
		for _, name := range field.Names {
			if !name.IsExported() {
				unexported = true
				continue
			}
			if signature, ok := strings.CutPrefix(definition, "func"); ok && strings.HasSuffix(of, " interface") {
				lines = append(lines, of+", "+name.Name+signature)
			} else {
				lines = append(lines, of+", "+name.Name+" "+definition)
			}
		}
	}
	if unexported {
		lines = append(lines, of+", unexported members")
	}
	return lines
}

// receiver returns the name of a receiver's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	}
	return ""
}

func names(field *ast.Field) string {
	var all []string
	for _, name := range field.Names {
		all = append(all, name.Name)
	}
	return strings.Join(all, ", ") + " "
}

// text returns a node as source code in one line.
func text(t *testing.T, node any) string {
	t.Helper()
	var b bytes.Buffer
	if err := format.Node(&b, token.NewFileSet(), node); err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func sortedUnion(a, b map[string][]string) []string {
	var all []string
	for name := range a {
		all = append(all, name)
	}
	for name := range b {
		all = append(all, name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// difference returns the lines of a that are not in b.
func difference(a, b []string) []string {
	var only []string
	for _, line := range a {
		if !slices.Contains(b, line) {
			only = append(only, line)
		}
	}
	return only
}
