/** Go templates in the texts of Packer templates. */
import { describe, expect, it } from "vitest";
import { goUses, renderKnown, renderRuntime } from "../../../src/packer/go-template/render.js";

const data = {
  fields: {
    HTTPIP: "10.0.2.2",
    HTTPPort: 8080,
    Name: "web",
    Empty: "",
    List: ["a", "b"],
    Map: { k: "v" },
    On: true,
  },
  build: { ID: "42" },
  now: new Date("2026-03-04T05:06:07Z"),
  environment: { A: "b" },
};

describe("renderRuntime", () => {
  it.each([
    ["no code", "no code"],
    ["http://{{ .HTTPIP }}:{{.HTTPPort}}/x", "http://10.0.2.2:8080/x"],
    ['{{ build `ID` }}{{build "ID"}}', "4242"],
    ["a {{- .Name -}} b", "awebb"],
    ["{{/* comment */}}x", "x"],
    ["{{ `{{ .X }}` }} {{ .Name }}", "{{ .X }} web"],
    ["a{{ `{{` }}b", "a{{b"],
    ["{{ if .On }}yes{{ else }}no{{ end }}", "yes"],
    ["{{ if .Empty }}1{{ else if eq .Name `web` }}2{{ else }}3{{ end }}", "2"],
    ["{{ with .Name }}<{{ . }}>{{ end }}", "<web>"],
    ["{{ range .List }}[{{ . }}]{{ end }}", "[a][b]"],
    ["{{ range $i, $v := .List }}{{ $i }}{{ $v }}{{ $.Name }};{{ end }}", "0aweb;1bweb;"],
    ["{{ range .Map }}{{ . }}{{ else }}none{{ end }}", "v"],
    ["{{ $x := .Name }}{{ $x }}{{ $x = `y` }}{{ $x }}", "weby"],
    ['{{ printf "%s-%05d" .Name .HTTPPort }}', "web-08080"],
    ["{{ .Map.k }} {{ index .Map `k` }} {{ index .List 1 }} {{ len .List }}", "v v b 2"],
    ["{{ and .On .Name }} {{ or .Empty `d` }} {{ not .On }}", "web d false"],
    ["{{ lt 1 2 }} {{ ge 1 2 }} {{ ne `a` `b` }} {{ eq 1 2 1 }}", "true false true true"],
    ["{{ (index .List 0) | upper }}", "A"],
    ["{{ timestamp }} {{ isotime `20060102` }}", "1772600767 20260304"],
    ["{{ env `A` }}{{ env `B` }}", "b"],
    [
      "{{ replace `a` `b` 1 `aaa` }} {{ lower `X` }} {{ clean_resource_name `a b/c` }}",
      "baa x a-b-c",
    ],
    [String.raw`{{ "a\n\"}}" }}`, 'a\n"}}'],
  ])("%s", (text, expected) => {
    expect(renderRuntime(text, data)).toBe(expected);
  });

  it.each([
    ["{{ .HTTPS }}", '"{{ .HTTPS }}" is not known: known are .HTTPIP, .HTTPPort'],
    ["{{ build `Host` }}", '"{{ build `Host` }}" is not known here: known are ID.'],
    ["{{ nope }}", 'The function "nope" does not exist in Packer\'s Go templates.'],
    ["{{ .Name | printf `%s-%d` }}", '"printf" failed'],
    ["{{ .Name", 'The Go template action "{{ .Name" is not closed by "}}".'],
    ["{{ if .On }}x", '"{{if .On}}" is not closed by "{{end}}".'],
    ["x{{ end }}", '"{{end}}" belongs to no'],
    ["{{ split `a` `b` 3 }}", '"split" has no part 3'],
    ["{{ }}", "has an empty command"],
    ["{{ ( .Name }}", 'has no ")" for its "("'],
    ["{{ consul_key `x` }}", '"consul_key" is not supported'],
  ])("refuses %s", (text, message) => {
    expect(() => renderRuntime(text, data)).toThrow(message);
  });

  it("renders code in values, and ends where it would go on forever", () => {
    expect(renderRuntime("{{ .A }}", { fields: { A: "{{ .B }}", B: "x" } })).toBe("x");
    expect(() => renderRuntime("{{ .A }}", { fields: { A: "x{{ .A }}" } })).toThrow(
      "again and again",
    );
  });
});

describe("renderKnown", () => {
  it("leaves what is not known as it is", () => {
    const text =
      "{{ .Name }} {{ .Other }} {{ build `ID` }} {{ build `Host` }} {{ nope .Name }} {{ if .Other }}{{ .Name }}{{ end }}";
    expect(renderKnown(text, data)).toBe(
      "web {{ .Other }} 42 {{ build `Host` }} {{ nope .Name }} {{ if .Other }}{{ .Name }}{{ end }}",
    );
  });
});

describe("goUses", () => {
  it("lists fields and functions", () => {
    expect(goUses("{{ .HTTPIP }} {{ if eq .A (build `ID`) }}{{ $.B.C }}{{ end }}")).toEqual([
      { kind: "field", name: "HTTPIP", argument: undefined },
      { kind: "function", name: "eq", argument: undefined },
      { kind: "field", name: "A", argument: undefined },
      { kind: "function", name: "build", argument: "ID" },
      { kind: "field", name: "B.C", argument: undefined },
    ]);
  });
});
