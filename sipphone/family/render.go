package family

import (
	"bytes"
	"fmt"
	"path"
	"reflect"
	"strings"
	"sync"
	"text/template"
	"time"

	"tandem/sipphone"
	"tandem/sipphone/zone"
)

// maxFile bounds what a template makes.
const maxFile = 1 << 20

// Render makes a file.
func (f *Family) Render(file *File, a *Asked, p *Place) ([]byte, error) {
	t := f.template(file.Template)
	if t == nil {
		return nil, fmt.Errorf("%s: the template %s of %s is missing", file.Name, file.Template, f.Name)
	}
	out := buffers.Get().(*bounded)
	defer buffers.Put(out)
	out.Reset()
	if err := t.Execute(out, f.view(a, p, file.Format.safe)); err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name, err)
	}
	return bytes.Clone(out.Bytes()), nil
}

// buffers are those in which files are made, used again: phones boot all at once.
var buffers = sync.Pool{New: func() any { return &bounded{limit: maxFile} }}

// bounded is a buffer that ends a template which never does.
type bounded struct {
	bytes.Buffer
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		return 0, fmt.Errorf("the file is larger than %d octets", b.limit)
	}
	return b.Buffer.Write(p)
}

var functions = template.FuncMap{
	"month":   func(n int) string { return time.Month(n).String() },
	"weekday": func(n int) string { return time.Weekday(n).String() },
	"stem":    func(name string) string { return strings.TrimSuffix(name, path.Ext(name)) },
	"prefix":  func(prefix, s string) bool { return strings.HasPrefix(s, prefix) },
	"bare":    bare,
	// For a text that stands in quotes within an attribute of XML: quotes are left out.
	"unquoted": func(s string) string { return strings.ReplaceAll(s, "&#34;", "") },
	"after":    func(mark, s string) string { _, rest, _ := strings.Cut(s, mark); return rest },
	"breaks":   func(pem string) string { return strings.ReplaceAll(pem, "\n", "&#10;") },
	"add":      func(a, b int) int { return a + b },
	"mul":      func(a, b int) int { return a * b },
	"div":      func(a, b int) int { return a / b },
	"hours":    zone.Hours,
	"clock":    zone.Clock,
	"upper":    strings.ToUpper,
	"lower":    strings.ToLower,
	"list":     strings.Fields,
	"default": func(fallback, s string) string {
		if s == "" {
			return fallback
		}
		return s
	},
	"seq": func(from, to int) []int {
		var list []int
		for i := from; i <= to && len(list) < 256; i++ {
			list = append(list, i)
		}
		return list
	},
	"first": first,
	"yesno": func(b bool, yes, no string) string {
		if b {
			return yes
		}
		return no
	},
}

// trial renders a file for invented phones and checks its grammar. Their texts
// are hostile, so that a template which lets one out of its place shows.
func (f *Family) trial(file *File) error {
	place := &Place{Domain: "example.com", Host: "pbx.example.com", Ports: map[string]int{"udp": 5060, "tcp": 5060, "tls": 5061}, Transport: "tls",
		Expires: time.Hour, URL: "https://pbx.example.com:8445/", OldURL: "https://pbx.example.com:8446/", HTTPURL: "http://pbx.example.com:8080/", TFTP: "192.0.2.1", CA: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		NTP: "pool.ntp.org", Timezone: "Europe/Berlin", Language: "de", Country: "DE", Voicemail: "*97", Pickup: "**", Park: "*68", Intercom: "*80",
		Firmware: map[string][]string{"T1": {"a.loads", "a.bin", "a.rom", "a.z", "a.ld"}}}
	const hostile = `<&"'>; \ x = y`
	full := sipphone.Phone{MAC: "0004f2aabbcc", Family: f.Name, Model: "T1", Label: hostile, Site: hostile, Generation: 1,
		Lines: []sipphone.Line{{User: "sip:alice@example.com", Label: hostile}, {User: "sip:1234@example.com", Shared: true}},
		Keys: []sipphone.Key{{Kind: sipphone.KeyLamp, Target: "bob", Label: hostile}, {Kind: sipphone.KeySpeedDial, Target: "+49301234"},
			{Kind: sipphone.KeyPark, Target: "701"}, {Kind: sipphone.KeyIntercom, Target: "100"}, {Kind: sipphone.KeyPaging, Target: "sales"}}}
	for _, a := range []Asked{
		{Phone: full, Names: []string{hostile, ""}, Numbers: []string{"100", ""}, Secrets: []string{"s3cret", "s4cret"}, Password: "p4ss", Book: "phonebook.xml"},
		{Phone: sipphone.Phone{MAC: "0004f2aabbcc", Family: f.Name, Generation: 1}, Password: "p4ss"},
	} {
		b, err := f.Render(file, &a, place)
		if err == nil {
			if err = file.Format.check(b); err != nil {
				err = fmt.Errorf("%s: %w", file.Name, err)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Masked is a rendered file with its secrets replaced by marks, which differ when
// the secrets do.
func Masked(b []byte, secrets ...string) []byte {
	for _, s := range secrets {
		if len(s) >= 8 {
			b = bytes.ReplaceAll(b, []byte(s), []byte("(secret "+mark(s)+")"))
		}
	}
	return b
}

// first are at most n of a list.
func first(n int, list any) (any, error) {
	v := reflect.ValueOf(list)
	if v.Kind() != reflect.Slice || n < 0 {
		return nil, fmt.Errorf("first %d of %T: give a number and a list", n, list)
	}
	return v.Slice(0, min(n, v.Len())).Interface(), nil
}

// bare is a URL without its scheme and without the / at its end, for phones that have a
// setting of its own for the scheme.
func bare(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	return strings.TrimSuffix(rest, "/")
}
