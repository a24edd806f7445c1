package card

import (
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"

	"tandem/rtc/contacts"
)

const cards = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Müller;Anna;;;\r\nFN:Anna Mü\r\n ller\r\nitem1.IMPP;X-SERVICE-TYPE=SIP:sip:anna@example.com\r\n" +
	"IMPP:xmpp:anna@jabber.example\r\nTEL;TYPE=work,voice:+49 (30) 123-4567\r\nTEL;VALUE=uri:tel:+49-171-1234567;ext=5\r\nCATEGORIES:Team\\, Berlin,Friends\r\nEND:VCARD\r\n" +
	"begin:vcard\nversion:4.0\nn:Doe;Joe;;;\nemail:joe@example.com\nend:vcard\n" +
	"BEGIN:VCARD\nVERSION:3.0\nFN:Phone Only\nTEL:030 987654\nEND:VCARD\n" +
	"BEGIN:VCARD\nVERSION:3.0\nFN:Nobody\nNOTE:no address\nEND:VCARD\n"

var want = []contacts.Contact{
	{Address: "sip:anna@example.com", Name: "Anna Müller", Groups: []string{"Team, Berlin", "Friends"}, Numbers: []string{"+49301234567", "+491711234567"}},
	{Address: "sip:joe@example.com", Name: "Joe Doe"},
	{Address: "tel:030987654", Name: "Phone Only", Numbers: []string{"030987654"}},
}

func TestVCard(t *testing.T) {
	got, skipped, err := Read([]byte(cards), FormatOf([]byte(cards)))
	if err != nil || !reflect.DeepEqual(got, want) || len(skipped) != 1 || skipped[0] != "Nobody" {
		t.Errorf("%v %v\n got %+v\nwant %+v", err, skipped, got, want)
	}
}

func TestCSV(t *testing.T) {
	for _, text := range []string{
		"address,name,groups,numbers\nsip:anna@example.com,Anna Müller,\"Team, Berlin|Friends\",+49 30 1234567|+491711234567\njoe@example.com,Joe Doe\n,Phone Only,,030 987654\n,Nobody,,\n",
		"\ufeffName;E-mail Address;Mobile Phone;Business Phone;Group\r\nAnna Müller;anna@example.com;+49301234567;+491711234567;Team, Berlin|Friends\r\nJoe Doe;joe@example.com;;;\r\nPhone Only;;030/987654;;\r\nNobody;;;;\r\n",
	} {
		got, skipped, err := Read([]byte(text), FormatOf([]byte(text)))
		if err != nil || !reflect.DeepEqual(got, want) || len(skipped) != 1 {
			t.Errorf("%v %v\n got %+v\nwant %+v", err, skipped, got, want)
		}
	}
}

// What is written is read again.
func TestBothWays(t *testing.T) {
	for _, f := range []Format{VCard, CSV} {
		b, err := Write(want, f)
		if err != nil {
			t.Fatal(err)
		}
		got, skipped, err := Read(b, FormatOf(b))
		if err != nil || !reflect.DeepEqual(got, want) || len(skipped) > 0 {
			t.Errorf("%s: %v %v\n got %+v\nwant %+v\n%s", f, err, skipped, got, want, b)
		}
	}
	long := []contacts.Contact{{Address: "sip:x@example.com", Name: strings.Repeat("ü", 200)}}
	b, _ := Write(long, VCard)
	for line := range strings.SplitSeq(string(b), "\r\n") {
		if len(line) > 75 {
			t.Errorf("a line has %d octets", len(line))
		}
	}
	if got, _, err := Read(b, VCard); err != nil || got[0].Name != long[0].Name {
		t.Errorf("%v %v", got, err)
	}
}

// Names and groups that mean something in a table come back as they were.
func TestOddNamesBothWays(t *testing.T) {
	for _, c := range []contacts.Contact{
		{Address: "sip:x@example.com", Name: "=1+1", Groups: []string{"G;H"}},
		{Address: "sip:x@example.com", Name: "@home", Groups: []string{"-A", "G;H"}},
		{Address: "sip:x@example.com", Name: "'quoted", Groups: []string{"A/B", "C, D"}, Numbers: []string{"+49301", "+49302"}},
	} {
		for _, f := range []Format{VCard, CSV} {
			b, err := Write([]contacts.Contact{c}, f)
			if err != nil {
				t.Fatal(err)
			}
			if got, _, err := Read(b, f); err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], c) {
				t.Errorf("%s: %v\n got %+v\nwant %+v\n%s", f, err, got, c, b)
			}
		}
	}
}

// The tables of Outlook have first and last names, in the code page of the machine.
func TestTableOfOutlook(t *testing.T) {
	const text = "First Name,Last Name,E-mail Address,Business Phone\r\nJürgen,Groß,jg@example.com,+49301\r\n"
	want := []contacts.Contact{{Address: "sip:jg@example.com", Name: "Jürgen Groß", Numbers: []string{"+49301"}}}
	for coding, file := range map[string][]byte{
		"UTF-8":                     []byte(text),
		"Windows-1252":              []byte(strings.NewReplacer("ü", "\xfc", "ß", "\xdf").Replace(text)),
		"UTF-16, the low one first": utf16Of(text, binary.LittleEndian),
		"UTF-16":                    utf16Of(text, binary.BigEndian),
	} {
		if got, _, err := Read([]byte(Text(file)), CSV); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v %+v", coding, err, got)
		}
	}
	if got := Text([]byte("5 \x80 \x84x\x93")); got != "5 € „x“" {
		t.Errorf("%q", got)
	}
}

func utf16Of(text string, order binary.AppendByteOrder) (b []byte) {
	for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

func TestFaults(t *testing.T) {
	for text, want := range map[string]string{
		"BEGIN:VCARD\nFN:x": "does not end", "BEGIN:VCARD\nnonsense\nEND:VCARD": "line 2", "FN:x\nEND:VCARD": "", "a,b\n1,2\n": "no column",
	} {
		_, _, err := Read([]byte(text), FormatOf([]byte(text)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if b, _ := Write([]contacts.Contact{{Address: "sip:x@y", Name: "=1+1"}}, CSV); !strings.Contains(string(b), "'=1+1") {
		t.Errorf("a formula: %s", b)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(cards)
	f.Add("address;name\nsip:a@b;c\n")
	f.Fuzz(func(t *testing.T, s string) {
		list, _, err := Read([]byte(s), FormatOf([]byte(s)))
		if err != nil {
			return
		}
		for _, c := range list {
			if c.Address == "" {
				t.Fatalf("a contact without address: %+v", c)
			}
		}
		for _, format := range []Format{VCard, CSV} { // what is read of ours are as many contacts
			b, err := Write(list, format)
			if err != nil {
				t.Fatal(err)
			}
			again, _, err := Read(b, format)
			if err != nil || len(again) != len(list) {
				t.Fatalf("%d contacts of %q are %d of %q: %v", len(list), s, len(again), b, err)
			}
		}
	})
}
