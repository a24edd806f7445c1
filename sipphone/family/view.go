package family

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem/sipphone"
	"tandem/sipphone/zone"
)

// Place is what all phones are told: where the server is and what time it is.
type Place struct {
	Domain    string         // of phones without a line; else that of each line's user counts
	Host      string         // where phones register
	Ports     map[string]int // of udp, tcp, tls; those not served are missing
	Transport string         // wanted; the family's best one counts when it does not know it
	Expires   time.Duration
	URL       string // of the files, as in https://pbx.example.com:8445/
	OldURL    string // of the listener for old TLS, "" when there is none
	HTTPURL   string // of the listener in the clear, "" when there is none
	TFTP      string // host of the TFTP server, "" when there is none
	CA        string // PEM of the CA that phones are to trust
	OldCA     string // PEM of the one that vouches for the listener for old TLS
	NTP       string
	Timezone  string
	Language  string
	Country   string   // of tones, two letters
	Voicemail string   // number that a message key calls
	Pickup    string   // digits in front of an extension to take its call
	Park      string   // digits in front of a place to park
	Intercom  string   // digits in front of an extension that answers at once
	Paging    string   // digits in front of a group whose phones answer at once
	Rings     []string // names of ring tones in the folder of files, below rings
	// Firmware are the names of files in the folder of files, below firmware and the
	// model they are for, in their order.
	Firmware map[string][]string
}

// Asked is one file to be made.
type Asked struct {
	Phone    sipphone.Phone
	Names    []string // display name of each line's user, "" for none
	Numbers  []string // extension or number of each line's user
	Secrets  []string // digest secret of each line
	Password string   // for files
	Model    string   // from path or User-Agent, when the phone's own is not known
	SRTP     bool
	Book     string // path of the phonebook, "" for none
	BookWord string // what is secret in that path
}

// view is what a template sees. Its texts are written so that they cannot leave
// their place in the format of the file.
type view struct {
	Domain, Host       string // of the first line's user; what templates name for each line comes first: a field is found by looking through them
	Port               int
	Transport          string // udp, tcp or tls
	Code               string // of the transport, as the family writes it
	Expires            int    // seconds
	KeepAlive          int    // seconds, 0 for none
	SRTP               bool
	Voicemail          string
	MAC, Upper, Colons string
	Model, Label, Site string
	Generation         int
	Lines              []viewLine
	Keys               []viewKey
	URL                string // base of the files, ends in /
	User, Password     string // for files
	Book, BookFolder   string // URL of the phonebook and of its folder, "" for none
	CA                 string // PEM
	NTP                string
	Timezone           string    // IANA
	Zone               zone.Zone // the same in numbers
	Offset             int       // of Zone
	ZoneName           string    // of Zone, as the family calls it
	Language, Country  string    // Language as the family writes it
	LanguageCode       string    // two letters
	Firmware           string    // name of the file that the phone is to load, "" for none
	FirmwareURL        string    // of the folder it lies in, ends in /
	Pickup, Park       string
	Intercom           string
	Rings              []string // file names of ring tones
	Ring               string   // URL of the phone's own, "" for none
	TFTP               string   // host of the TFTP server, "" for none
	Set                map[string]string
}

// viewLine is a line in a template.
type viewLine struct {
	N                         int
	User, Name, Label, Number string
	Domain                    string // of SIP; the digest realm
	Password                  string
	Shared                    bool
}

// viewKey is a key in a template.
type viewKey struct {
	N            int    // from 1
	K            int    // after the keys of the lines
	Index        int    // K counted from 0
	Code         string // of its kind, as the family writes it
	Label        string
	Dial         string // what the key dials, its prefix included
	Pickup       string // takes a call that rings at Target; "" for what is not a user's lamp
	Lamp         bool   // it shows the state of Target
	Kind, Target string
}

// view builds what a template sees, with texts safe for a format.
func (f *Family) view(a *Asked, p *Place, safe func(string) string) *view {
	ph := &a.Phone
	transport := f.transport(p.Transport, p.Ports)
	v := &view{
		MAC: string(ph.MAC), Upper: ph.MAC.Upper(), Colons: ph.MAC.Colons(), Model: safe(cmp.Or(ph.Model, a.Model)),
		Label: safe(ph.Label), Site: safe(ph.Site), Generation: ph.Generation,
		Domain: p.Domain, Host: p.Host, Port: p.Ports[transport], Transport: transport, Code: f.Codes[transport],
		Expires: int(p.Expires / time.Second), KeepAlive: f.KeepAlive, SRTP: a.SRTP && f.SRTP && transport == "tls",
		URL: p.URL, User: string(ph.MAC), Password: a.Password, CA: p.CA, TFTP: p.TFTP,
		NTP: p.NTP, Timezone: cmp.Or(ph.Timezone, p.Timezone, "UTC"), Country: p.Country,
		Voicemail: safe(p.Voicemail), Pickup: safe(p.Pickup), Park: safe(p.Park), Intercom: safe(p.Intercom),
		Set: make(map[string]string, len(ph.Settings)),
	}
	v.LanguageCode = safe(cmp.Or(ph.Language, p.Language, "en"))
	v.Language = safe(f.language(v.LanguageCode))
	if f.OldTLS && p.OldURL != "" {
		v.URL, v.CA = p.OldURL, p.OldCA
	}
	for _, name := range p.Rings {
		v.Rings = append(v.Rings, safe(name))
	}
	if name := ph.Settings["ring"]; name != "" {
		v.Ring = v.URL + safe("rings/"+name)
	}
	if base := f.bookBase(v, p); a.Book != "" && base != "" {
		v.Book = base + a.Book
		v.BookFolder = v.Book[:strings.LastIndexByte(v.Book, '/')+1]
	}
	v.Zone = zone.Of(v.Timezone)
	v.Offset, v.ZoneName = v.Zone.Offset, f.zoneName(v.Timezone, v.Zone)
	if model := cmp.Or(ph.Model, a.Model); model != "" {
		v.Firmware, v.FirmwareURL = safe(f.firmware(p.Firmware[model])), v.URL+"firmware/"+safe(model)+"/"
	}
	for i, l := range ph.Lines {
		n := viewLine{N: i + 1, User: safe(l.User.User()), Domain: safe(l.User.Domain()), Password: a.Secrets[i], Shared: l.Shared,
			Name: safe(at(a.Names, i)), Number: safe(at(a.Numbers, i))}
		n.Label = cmp.Or(safe(l.Label), n.Number, n.Name, n.User)
		n.Name = cmp.Or(n.Name, n.User)
		v.Lines = append(v.Lines, n)
	}
	if len(v.Lines) > 0 {
		v.Domain = v.Lines[0].Domain
	}
	for i, k := range ph.Keys {
		key := viewKey{N: i + 1, K: len(ph.Lines) + i + 1, Index: len(ph.Lines) + i, Kind: string(k.Kind), Target: safe(k.Target), Label: safe(cmp.Or(k.Label, k.Target)),
			Dial: safe(p.dial(k)), Lamp: k.Kind == sipphone.KeyLamp}
		if k.Kind == sipphone.KeyPark { // what is dialled is what has the lamp
			key.Target, key.Lamp = key.Dial, true
		}
		if k.Kind == sipphone.KeyLamp {
			key.Pickup = v.Pickup + key.Target
		}
		key.Code = f.write(k.Kind, &key, v)
		v.Keys = append(v.Keys, key)
	}
	for name, value := range ph.Settings {
		v.Set[name] = safe(value)
	}
	return v
}

// write is a key as the files of the family have it.
func (f *Family) write(kind sipphone.KeyKind, k *viewKey, v *view) string {
	form := f.Keys[kind]
	if strings.IndexByte(form, '{') < 0 {
		return form
	}
	var b strings.Builder
	b.Grow(len(form) + len(k.Dial) + 2*len(v.Domain) + len(k.Target))
	for form != "" {
		text, rest, _ := strings.Cut(form, "{")
		name, rest, _ := strings.Cut(rest, "}")
		b.WriteString(text)
		switch name {
		case "dial":
			b.WriteString(k.Dial)
		case "target":
			b.WriteString(k.Target)
		case "domain":
			b.WriteString(v.Domain)
		case "pickup":
			b.WriteString(v.Pickup)
		}
		form = rest
	}
	return b.String()
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// bookBase is the URL from which the family reads its phonebook, "" where it cannot.
func (f *Family) bookBase(v *view, p *Place) string {
	if f.PlainBook {
		return p.HTTPURL
	}
	return v.URL
}

// language is how the family writes a language of two letters; English when it knows no
// other.
func (f *Family) language(code string) string {
	if len(f.Languages) == 0 {
		return code
	}
	return cmp.Or(f.Languages[code], f.Languages["en"])
}

// firmware is the last of the files for a model that name its firmware, "" for none.
func (f *Family) firmware(files []string) string {
	for _, name := range slices.Backward(files) {
		for _, end := range f.Firmware {
			if strings.HasSuffix(strings.ToLower(name), end) {
				return name
			}
		}
	}
	return ""
}

func (p *Place) dial(k sipphone.Key) string {
	switch k.Kind {
	case sipphone.KeyPark:
		return p.Park + k.Target
	case sipphone.KeyIntercom:
		return p.Intercom + k.Target
	case sipphone.KeyPaging:
		return p.Paging + k.Target
	}
	return k.Target
}

// zoneName is what the family calls a zone, "" when it has no word for it.
func (f *Family) zoneName(name string, z zone.Zone) string {
	minutes := strconv.Itoa(z.Offset / 60)
	if z.Summer {
		return cmp.Or(f.Zones[name], f.Zones[minutes+"s"], f.Zones[minutes])
	}
	return cmp.Or(f.Zones[name], f.Zones[minutes])
}
