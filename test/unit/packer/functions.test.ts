/** Functions of HCL templates. Expected values are those of Packer's documentation. */
import { createHash, generateKeyPairSync, publicEncrypt, constants } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { compareSync } from "bcryptjs";
import { describe, expect, it } from "vitest";
import { FUNCTIONS } from "../../../src/packer/functions/registry.js";
import { SPECIAL_FUNCTIONS } from "../../../src/packer/eval/call.js";
import { evaluated, folderOf } from "./support.js";

describe("every documented function", () => {
  it("exists", () => {
    const names =
      "abs abspath alltrue anytrue aws_secretsmanager aws_secretsmanager_raw basename base64decode base64encode base64gzip bcrypt can ceil chomp chunklist cidrhost cidrnetmask cidrsubnet cidrsubnets coalesce coalescelist compact concat consul_key contains convert csvdecode dirname distinct element endswith env file filebase64 fileexists fileset flatten floor format formatdate formatlist indent index join jsondecode jsonencode keys legacy_isotime legacy_strftime length log lookup lower max md5 merge min parseint pathexpand pow range reverse replace regex regexall regex_replace rfc3339_parse rsadecrypt setintersection setproduct setunion sha1 sha256 sha512 signum slice sort split startswith strcontains strrev substr sum templatefile textdecodebase64 textencodebase64 timeadd timestamp title trim trimprefix trimspace trimsuffix try unix_timestamp_parse upper urlencode uuidv4 uuidv5 values vault yamldecode yamlencode zipmap";
    expect([...Object.keys(FUNCTIONS), ...SPECIAL_FUNCTIONS].toSorted()).toEqual(
      names.split(" ").toSorted(),
    );
  });
});

describe("texts", () => {
  it.each([
    [String.raw`chomp("hello\n\n")`, "hello"],
    [String.raw`chomp("hello\r\n")`, "hello"],
    ['endswith("abc", "bc")', true],
    ['startswith("abc", "bc")', false],
    ['strcontains("abc", "b")', true],
    ['format("Hello, %s!", "Ander")', "Hello, Ander!"],
    ['format("There are %d lights", 4)', "There are 4 lights"],
    [
      'format("%05.1f|%-5s|%5s|%x|%X|%o|%b", 3.14159, "a", "b", 255, 255, 8, 5)',
      "003.1|a    |    b|ff|FF|10|101",
    ],
    ['format("%[2]s %[1]s %%", "a", "b")', "b a %"],
    ['format("%v %v %v %v", 1.5, true, "x", [1, "<"])', String.raw`1.5 true x [1,"\u003c"]`],
    ['format("%q %#v %t", "a\\"b", "x", "true")', String.raw`"a\"b" "x" true`],
    ['format("%e %g %+d", 1234.5, 0.00001, 5)', "1.234500e+03 1e-05 +5"],
    ['formatlist("%s-%s", ["a", "b"], "x")', ["a-x", "b-x"]],
    [String.raw`indent(2, "a\nb")`, "a\n  b"],
    ['join(", ", ["foo", "bar"])', "foo, bar"],
    ['join(", ", ["foo"], ["bar", 1])', "foo, bar, 1"],
    ['lower("HELLO")', "hello"],
    ['upper("hello")', "HELLO"],
    ['replace("1 + 2 + 3", "+", "$&")', "1 $& 2 $& 3"],
    ['sort(["e", "d", "É", "a"])', ["a", "d", "e", "É"]],
    ['split(",", "foo,bar")', ["foo", "bar"]],
    ['split(",", "")', [""]],
    ['strrev("hello")', "olleh"],
    ['substr("hello world", 1, 4)', "ello"],
    ['substr("hello world", -5, -1)', "world"],
    ['title("hello world-wide")', "Hello World-Wide"],
    ['trim("?!hello?!", "!?")', "hello"],
    ['trimprefix("helloworld", "hello")', "world"],
    ['trimsuffix("helloworld", "world")', "hello"],
    [String.raw`trimspace("  hello\n\n")`, "hello"],
  ])("%s", (text, expected) => {
    expect(evaluated(text)).toEqual(expected);
  });

  it.each([
    ['format("%s")', '"%s" needs value 1, but 0 are given'],
    ['format("x", 1)', "1 values are given, but 0 are used"],
    ['format("%d", 1.5)', '"%d" needs a whole number'],
    ['formatlist("%s%s", [1], [1, 2])', "the lists differ in length"],
    ['join(",", [null])', "an element of the list is null"],
    ["upper()", "upper(…) takes 1 argument, not 0."],
    ['upper("a", "b")', "upper(…) takes 1 argument, not 2."],
    ["upper(null)", 'The argument "text" of upper(…) must not be null.'],
    [
      "upper([])",
      'The argument "text" of upper(…) does not fit: a string is required, not a list.',
    ],
    ['uper("x")', 'Packer has no function "uper". Did you mean upper(…)?'],
    ['env("HOME")', 'can be used only in the "default" of a variable'],
    ['vault("a", "b")', "vmbuild does not read secret stores"],
  ])("refuses %s", (text, message) => {
    expect(() => evaluated(text)).toThrow(message);
  });
});

describe("regular expressions", () => {
  it.each([
    ['regex("[a-z]+", "53453453.345345aaabbbccc23454")', "aaabbbccc"],
    [String.raw`regex("(\\d\\d\\d\\d)-(\\d\\d)-(\\d\\d)", "2019-02-01")`, ["2019", "02", "01"]],
    [
      'regex("^(?:(?P<scheme>[^:/?#]+):)?(?://(?P<authority>[^/?#]*))?", "https://example.com/x")',
      { authority: "example.com", scheme: "https" },
    ],
    ['regex("(a)|(b)", "b")', [null, "b"]],
    ['regexall("[a-z]+", "1234abcd5678efgh9")', ["abcd", "efgh"]],
    ['regexall("x", "a")', []],
    ['regex_replace("hello world", "w(\\\\w+)", "<$1>")', "hello <orld>"],
    ['regex_replace("aXbX", "(?i)x", "$$")', "a$b$"],
    ['regex_replace("abc", "(?P<first>a)", "${1}")', "1bc"],
    ['regex_replace("abc", "(?P<first>a)", "$${first}-")', "a-bc"],
    ['length(regexall("[[:alpha:]]", "a1b"))', 2],
    [String.raw`can(regex("^\\pL+\\z", "é"))`, true],
  ])("%s", (text, expected) => {
    expect(evaluated(text)).toEqual(expected);
  });

  it("refuses what RE2 does not know, and takes linear time", () => {
    expect(() => evaluated('regex("(?=x)", "x")')).toThrow(/is not a regular expression/);
    expect(() => evaluated('regex("b", "a")')).toThrow("does not match");
    expect(evaluated(`can(regex("^(a+)+$", "${"a".repeat(5000)}b"))`)).toBe(false);
  });
});

describe("numbers", () => {
  it.each([
    ["abs(-12.4)", 12.4],
    ["ceil(5.1)", 6],
    ["floor(4.9)", 4],
    ["floor(-0.5)", -1],
    ["log(16, 2)", 4],
    ["max(12, 54, 3)", 54],
    ["min(12, 54, 3)", 3],
    ['parseint("100", 10)', 100],
    ['parseint("FF", 16)', 255],
    ['parseint("-10", 2)', -2],
    ['parseint("aA", 62)', 656],
    ["pow(3, 2)", 9],
    ["signum(-13)", -1],
    ["sum([10, 13, 6, 4.5])", 33.5],
  ])("%s", (text, expected) => {
    expect(evaluated(text)).toEqual(expected);
  });

  it.each(['parseint("12", 2)', "log(-1, 2)", "sum([])", 'pow("x", 2)', "max()"])(
    "refuses %s",
    (text) => {
      expect(() => evaluated(text)).toThrow(/\(…\)/);
    },
  );
});

describe("collections", () => {
  it.each([
    ['alltrue([true, "true"])', true],
    ["anytrue([false, null])", false],
    ['chunklist(["a", "b", "c"], 2)', [["a", "b"], ["c"]]],
    ['coalesce("", null, "b")', "b"],
    ['coalescelist([], ["b"])', ["b"]],
    ['compact(["a", "", "b", null])', ["a", "b"]],
    ['concat(["a"], ["b", "c"])', ["a", "b", "c"]],
    ['contains(["a", "b"], "a")', true],
    ['distinct(["a", "b", "a"])', ["a", "b"]],
    ['element(["a", "b", "c"], 4)', "b"],
    ['flatten([["a", "b"], [], ["c", ["d"]]])', ["a", "b", "c", "d"]],
    ['index(["a", "b", "c"], "b")', 1],
    ["keys({ b = 1, a = 2 })", ["a", "b"]],
    ["values({ b = 1, a = 2 })", [2, 1]],
    ['length("👩‍👩‍👧‍👧é")', 2],
    ["length([1, 2])", 2],
    ["length({ a = 1 })", 1],
    ['lookup({ a = "x" }, "a", "y")', "x"],
    ['lookup({ a = "x" }, "c", "y")', "y"],
    ["merge({ a = 1, b = 2 }, null, { b = 3 })", { a: 1, b: 3 }],
    ["range(3)", [0, 1, 2]],
    ["range(1, 8, 2)", [1, 3, 5, 7]],
    ["range(4, 1)", [4, 3, 2]],
    ["reverse([1, 2, 3])", [3, 2, 1]],
    ['setintersection(["a", "b"], ["b", "c"])', ["b"]],
    [
      'setproduct(["x", "y"], [1, 2])',
      [
        ["x", 1],
        ["x", 2],
        ["y", 1],
        ["y", 2],
      ],
    ],
    ['setunion(["b"], ["a", "b"])', ["a", "b"]],
    ['slice(["a", "b", "c", "d"], 1, 3)', ["b", "c"]],
    ['zipmap(["a", "b"], [1, 2])', { a: 1, b: 2 }],
  ])("%s", (text, expected) => {
    expect(evaluated(text)).toEqual(expected);
  });

  it.each([
    'lookup({}, "a")',
    "element([], 0)",
    "slice([1], 0, 2)",
    'coalesce("", null)',
    "range(2000)",
    "range(1, 5, -1)",
    "reverse(setunion([1], [2]))",
    "keys([1])",
    "length(5)",
    'index(["a"], "b")',
    'zipmap(["a"], [])',
  ])("refuses %s", (text) => {
    expect(() => evaluated(text)).toThrow(/failed: /);
  });
});

describe("encodings", () => {
  it.each([
    ['base64encode("Hello World")', "SGVsbG8gV29ybGQ="],
    ['base64decode("SGVsbG8gV29ybGQ=")', "Hello World"],
    [
      String.raw`csvdecode("a,b\n1,\"x, \"\"y\"\"\"\n3,4\n")`,
      [
        { a: "1", b: 'x, "y"' },
        { a: "3", b: "4" },
      ],
    ],
    [
      'jsonencode({ b = [1, null, true], a = "<é>" })',
      String.raw`{"a":"\u003cé\u003e","b":[1,null,true]}`,
    ],
    [String.raw`jsondecode("{\"hello\": [1, \"x\"]}")`, { hello: [1, "x"] }],
    ['textencodebase64("Hello", "UTF-16LE")', "SABlAGwAbABvAA=="],
    ['textdecodebase64("SABlAGwAbABvAA==", "UTF-16LE")', "Hello"],
    ['urlencode("a b&c=é/(x)*")', "a+b%26c%3D%C3%A9%2F%28x%29%2A"],
    ['yamlencode({ b = ["x", 1], a = true, c = {} })', '"a": true\n"b":\n- "x"\n- 1\n"c": {}\n'],
    [
      String.raw`yamldecode("d: &d {e: 1}\na: *d\nb: [x, ~, 'y']\n")`,
      { a: { e: 1 }, b: ["x", null, "y"], d: { e: 1 } },
    ],
  ])("%s", (text, expected) => {
    expect(evaluated(text)).toEqual(expected);
  });

  it("compresses with gzip", () => {
    const text = evaluated('base64gzip("hello")');
    expect(gunzipSync(Buffer.from(String(text), "base64")).toString()).toBe("hello");
  });

  it.each([
    'base64decode("x")',
    'base64decode("/w==")',
    'jsondecode("{")',
    'textencodebase64("é", "US-ASCII")',
  ])("refuses %s", (text) => {
    expect(() => evaluated(text)).toThrow(/failed: /);
  });
});

describe("hashes and identifiers", () => {
  it.each(["md5", "sha1", "sha256", "sha512"])("%s", (name) => {
    expect(evaluated(`${name}("hello é")`)).toBe(createHash(name).update("hello é").digest("hex"));
  });

  it("hashes passwords with bcrypt", () => {
    const hash = String(evaluated('bcrypt("hello", 4)'));
    expect(hash).toMatch(/^\$2a\$04\$/);
    expect(compareSync("hello", hash)).toBe(true);
  });

  it("makes UUIDs", () => {
    expect(evaluated('uuidv5("dns", "www.terraform.io")')).toBe(
      "a5008fae-b28c-5ba5-96cd-82b4c53552d6",
    );
    expect(evaluated('uuidv5("url", "https://www.terraform.io/")')).toBe(
      "9db6f67c-dd95-5ea0-aa5b-e70e5c5f7cf5",
    );
    expect(evaluated("uuidv4()")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]/);
  });

  it("decrypts with RSA", () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const padding = constants.RSA_PKCS1_PADDING;
    const text = publicEncrypt({ key: publicKey, padding }, Buffer.from("hello")).toString(
      "base64",
    );
    const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    expect(evaluated("rsadecrypt(text, key)", { values: { text, key } })).toBe("hello");
  });
});

describe("dates", () => {
  it.each([
    ["timestamp()", "2026-03-04T05:06:07Z"],
    ['formatdate("DD MMM YYYY hh:mm ZZZ", "2018-01-02T23:12:01Z")', "02 Jan 2018 23:12 UTC"],
    [
      'formatdate("EEEE, DD-MMM-YY hh:mm:ss ZZZ", "2018-01-02T23:12:01-08:00")',
      "Tuesday, 02-Jan-18 23:12:01 -0800",
    ],
    [`formatdate("HH:mmaa 'o''clock' Z", "2018-01-02T23:12:01+02:00")`, "11:12pm o'clock +02:00"],
    ['formatdate("YYYYMMDDhhmmss", timestamp())', "20260304050607"],
    ['timeadd("2017-11-22T00:00:00Z", "10m")', "2017-11-22T00:10:00Z"],
    ['timeadd("2017-11-22T00:00:00+01:00", "-1h30m")', "2017-11-21T22:30:00+01:00"],
    ["legacy_isotime()", "2026-03-04T05:06:07Z"],
    ['legacy_isotime("2006-01-02 15:04:05 Monday Jan _2")', "2026-03-04 05:06:07 Wednesday Mar  4"],
    ['legacy_isotime("060102030405PM")', "260304050607AM"],
    ['legacy_strftime("%Y-%m-%d %H:%M:%S %j %%")', "2026-03-04 05:06:07 063 %"],
    ["unix_timestamp_parse(1690328596).rfc3339", "2023-07-25T23:43:16Z"],
    ['rfc3339_parse("2023-07-25T23:43:16Z").unix', 1690328596],
    ['rfc3339_parse("2021-01-03T00:00:00Z").iso_week', 53],
    ['rfc3339_parse("2021-01-03T00:00:00Z").weekday_name', "Sunday"],
  ])("%s", (text, expected) => {
    expect(evaluated(text)).toBe(expected);
  });

  it.each(['formatdate("YYY", timestamp())', 'timeadd("x", "1h")', 'timeadd(timestamp(), "1d")'])(
    "refuses %s",
    (text) => {
      expect(() => evaluated(text)).toThrow(/failed: /);
    },
  );
});

describe("networks", () => {
  it.each([
    ['cidrhost("10.12.112.0/20", 16)', "10.12.112.16"],
    ['cidrhost("10.12.112.0/20", -1)', "10.12.127.255"],
    ['cidrhost("fd00:fd12:3456:7890::/72", 34)', "fd00:fd12:3456:7890::22"],
    ['cidrnetmask("172.16.0.0/12")', "255.240.0.0"],
    ['cidrsubnet("172.16.0.0/12", 4, 2)', "172.18.0.0/16"],
    ['cidrsubnet("fd00:fd12:3456:7890::/56", 16, 162)', "fd00:fd12:3456:7800:a200::/72"],
    [
      'cidrsubnets("10.1.0.0/16", 4, 4, 8, 4)',
      ["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24", "10.1.48.0/20"],
    ],
  ])("%s", (text, expected) => {
    expect(evaluated(text)).toEqual(expected);
  });

  it.each([
    'cidrhost("10.0.0.0/30", 4)',
    'cidrhost("10/8", 1)',
    'cidrnetmask("::/8")',
    'cidrsubnet("10.0.0.0/31", 4, 0)',
  ])("refuses %s", (text) => {
    expect(() => evaluated(text)).toThrow(/failed: /);
  });
});

describe("values that may be missing", () => {
  it.each([
    ['try(nothing.a, "x")', "x"],
    ["try(map.a, map.b, 5)", 5],
    ["can(map.a)", false],
    ["can(map)", true],
    ['convert(["a", "a"], set(string))', ["a"]],
    ["convert({ a = 1 }, object({ a = string, b = optional(number, 3) }))", { a: "1", b: 3 }],
  ])("%s", (text, expected) => {
    expect(evaluated(text, { values: { map: new Map() } })).toEqual(expected);
  });
});

describe("files", () => {
  const files = {
    "a.txt": "hello\n",
    "sub/b.txt": "b",
    "sub/.hidden": "h",
    "sub/deep/c.sh": "c",
    "t.pkrtpl": "%{ for n in names ~}\nhost ${n}\n%{ endfor ~}\nport ${port}, $${shell}\n",
    "value.tpl": "${names}",
    "bad.tpl": "one\ntwo ${nmaes}\n",
    "inner.tpl": '${templatefile("a.txt", {})}',
  };

  it.each([
    ['file("a.txt")', "hello\n"],
    ['file("./sub/../a.txt")', "hello\n"],
    ['filebase64("a.txt")', "aGVsbG8K"],
    ['fileexists("a.txt")', true],
    ['fileexists("none")', false],
    ['fileset(".", "*.txt")', ["a.txt"]],
    ['fileset(".", "**/*.txt")', ["a.txt", "sub/b.txt"]],
    ['fileset("sub", "{b.txt,deep/*}")', ["b.txt", "deep/c.sh"]],
    ['fileset("sub", "**")', [".hidden", "b.txt", "deep/c.sh"]],
    ['fileset("none", "*")', []],
    ['basename("/a/b.txt")', "b.txt"],
    ['basename("")', "."],
    ['dirname("/a/b.txt")', "/a"],
    ['dirname("b.txt")', "."],
    ['pathexpand("~/x")', "/home/somebody/x"],
    ['pathexpand("/etc/x")', "/etc/x"],
    [
      'templatefile("t.pkrtpl", { names = ["a", "b"], port = 80 })',
      "host a\nhost b\nport 80, ${shell}\n",
    ],
    ['templatefile("value.tpl", { names = ["a"] })', ["a"]],
  ])("%s", (text, expected) => {
    expect(evaluated(text, { folder: folderOf(files) })).toEqual(expected);
  });

  it("makes paths absolute from the current folder", () => {
    const folder = folderOf({});
    expect(evaluated('abspath("x/../y")', { folder })).toBe(`${folder}/y`);
  });

  it.each([
    ['file("none")', "it does not exist"],
    ['fileexists("sub")', "is not a regular file"],
    ['templatefile("bad.tpl", { names = [] })', '"nmaes" is not defined here. Did you mean names?'],
    ['templatefile("inner.tpl", {})', "cannot call templatefile(…) itself"],
    ['templatefile("none", {})', "cannot be read"],
    ['templatefile("a.txt", [])', "are a map or an object"],
  ])("refuses %s", (text, message) => {
    expect(() => evaluated(text, { folder: folderOf(files) })).toThrow(message);
  });
});
