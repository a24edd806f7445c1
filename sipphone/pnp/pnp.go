// Package pnp answers phones that look for a server by multicast: out of the box
// they send a SUBSCRIBE for the event ua-profile to 224.0.1.75, port 5060 (RFC
// 6080 in the makers' form), and take the URL of their files from the NOTIFY.
//
// It tells a URL and no secret: what is given there is package provision's matter.
package pnp

import (
	"bytes"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
	"tandem/sipphone"
)

// Group is where phones ask.
const Group = "224.0.1.75"

// Config of a Handler.
type Config struct {
	Send     func(uac.Outside, func(uac.Reply)) error
	URL      func(vendor string, mac sipphone.MAC) string // of the files
	Networks []netip.Prefix                               // where phones are; others get no answer
	Domain   string
	Log      *slog.Logger
}

// Handler answers such requests, of whom nobody knows who sent them: it stands
// before the gate.
type Handler struct {
	cfg Config

	mu     sync.Mutex
	second int64
	told   int // in that second
}

// New makes a Handler.
func New(cfg Config) *Handler { return &Handler{cfg: cfg} }

// perSecond is how many phones are answered in a second: a NOTIFY goes to an
// address that nobody has proved.
const perSecond = 50

// ask is what a phone says of itself.
type ask struct {
	mac    sipphone.MAC
	vendor string
}

// Serve implements rtc.Handler.
func (h *Handler) Serve(r *rtc.Request) error {
	if string(r.MethodName()) != "SUBSCRIBE" {
		return rtc.Next
	}
	a, ok := read(r.Message)
	if !ok {
		return rtc.Next
	}
	from := r.Source.Addr().Unmap()
	if !slices.ContainsFunc(h.cfg.Networks, func(p netip.Prefix) bool { return p.Contains(from) }) || !h.admit(time.Now()) {
		return &rtc.Status{Code: 403}
	}
	uri, err := sip.ParseNameAddr(r.Get(sip.HdrContact))
	if err != nil {
		return &rtc.Status{Code: 400, Reason: "Missing Contact"}
	}
	contact := string(uri.URI)
	if reach.Compare(uri.URI, r.Flow()) != reach.Here {
		contact = "sip:" + r.Source.String() // it does not know its address yet
	}
	r.Respond(200, "OK", []byte("Expires: 0\r\nContact: <sip:"+h.cfg.Domain+">\r\n"))
	url := h.cfg.URL(a.vendor, a.mac)
	h.cfg.Log.Info("phone looks for a server", "mac", a.mac, "peer", r.Source)
	header := "Event: " + string(r.GetName("Event")) + "\r\nSubscription-State: terminated;reason=timeout\r\n"
	if strings.EqualFold(a.vendor, "grandstream") {
		header += "MessageBody: " + url + "\r\n"
	}
	sent := h.cfg.Send(uac.Outside{Method: "NOTIFY", Way: uac.Way{URI: contact, Flow: r.Flow()}, From: string(uac.Tagged(r.Get(sip.HdrTo), rtc.ToTag(r.Message))), To: string(r.Get(sip.HdrFrom)), CallID: string(r.CallID()),
		Contact: &uac.Contact{User: "phones"}, Timeout: 3 * time.Second,
		Content: uac.Content{Header: []byte(header), Type: "application/url", Body: []byte(url)}}, nil)
	if sent != nil {
		h.cfg.Log.Warn("phone not told", "mac", a.mac, "err", sent)
	}
	return nil
}

// read finds out who asks: sip:MAC%3a001565123456@224.0.1.75.
func read(m *sip.Message) (a ask, ok bool) {
	event := m.GetName("Event")
	if !bytes.HasPrefix(event, []byte("ua-profile")) {
		return a, false
	}
	uri, err := sip.ParseURI(m.RequestURI())
	if err != nil {
		return a, false
	}
	user := strings.ToLower(string(sip.AppendUnescaped(nil, uri.User)))
	mac, bad := sipphone.ParseMAC(strings.TrimPrefix(user, "mac:"))
	if bad != nil {
		return a, false
	}
	a.mac = mac
	for part := range strings.SplitSeq(string(event), ";") {
		name, value, _ := strings.Cut(part, "=")
		if strings.TrimSpace(name) == "vendor" {
			a.vendor = strings.Trim(value, `"`)
		}
	}
	return a, true
}

// admit counts answers by the second.
func (h *Handler) admit(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := now.Unix(); s != h.second {
		h.second, h.told = s, 0
	}
	h.told++
	return h.told <= perSecond
}
