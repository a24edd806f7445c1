package provision

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/netip"
	"regexp"
	"time"

	"tandem/sipphone"
)

// Handler serves the files of a Desk over HTTP.
func (d *Desk) Handler(way Way) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && isWorkpoint(r.URL.Path) {
			d.serveWorkpoint(w, r, way)
			return
		}
		ask := request(r, way)
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			doc, err := d.Get(r.Context(), ask)
			if err != nil {
				refuse(w, err, way)
				return
			}
			defer doc.Close()
			w.Header().Set("Content-Type", doc.Type)
			w.Header().Set("Cache-Control", "no-store")
			http.ServeContent(w, r, "", doc.Changed, doc)
		case http.MethodPut, http.MethodPost:
			if err := d.Put(ask, r.Body, r.ContentLength); err != nil {
				w.Header().Set("Connection", "close") // the rest of the body is not read
				refuse(w, err, way)
				return
			}
			w.WriteHeader(http.StatusCreated)
		default:
			w.Header().Set("Allow", "GET, HEAD, PUT")
			http.Error(w, "use GET, HEAD or PUT", http.StatusMethodNotAllowed)
		}
	})
}

func request(r *http.Request, way Way) Request {
	ask := Request{Path: r.URL.EscapedPath(), Agent: r.UserAgent(), Way: way, Query: r.URL.Query().Get("mac")}
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		ask.From = a.Addr().Unmap()
	}
	ask.User, ask.Password, _ = r.BasicAuth()
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		ask.Certified = certified(r.TLS.PeerCertificates[0])
	}
	return ask
}

var macInName = regexp.MustCompile(`(?:^|[^0-9A-Fa-f])([0-9A-Fa-f]{2}(?:[:-]?[0-9A-Fa-f]{2}){5})(?:$|[^0-9A-Fa-f])`)

// certified is the MAC a verified certificate is made out to: makers put it into
// the common name, alone or with the model.
func certified(c *x509.Certificate) sipphone.MAC {
	for _, name := range []string{c.Subject.CommonName, c.Subject.SerialNumber} {
		if m := macInName.FindStringSubmatch(name); m != nil {
			if mac, err := sipphone.ParseMAC(m[1]); err == nil {
				return mac
			}
		}
	}
	return ""
}

// refuse answers why there is no file. Only where nobody reads along is a
// password asked for.
func refuse(w http.ResponseWriter, err error, way Way) {
	var r *refusal
	if !errors.As(err, &r) {
		r = errBusy
	}
	status := r.Status
	switch status {
	case http.StatusUnauthorized:
		if way.private() {
			w.Header().Set("WWW-Authenticate", `Basic realm="phones"`)
		} else {
			status = http.StatusForbidden
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "60")
	}
	http.Error(w, r.Why, status)
}

// Timeouts of HTTP servers for phones, which are slow and many.
const (
	ReadHeaderTimeout = 30 * time.Second // with the handshake of TLS: thousands begin theirs at once
	ReadTimeout       = 60 * time.Second // an upload
	WriteTimeout      = 10 * time.Minute // firmware
	IdleTimeout       = 30 * time.Second
)
