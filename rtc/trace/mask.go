package trace

import "bytes"

// mask overwrites what a digest proves knowledge of the password with, so that
// who reads a trace cannot try passwords against it: response in credentials and
// rspauth in Authentication-Info (RFC 7616 §3.4, §3.5). The rest stays, to see why
// credentials were refused. Of a body it overwrites what only a telephone network is to
// understand: opr: in a request for a service, which may be a PIN or the number of a
// card (RFC 2848 §5.1.3). It changes b and returns it.
func mask(b []byte) []byte {
	secret := ""
	for rest := b; len(rest) > 0; {
		line, next, _ := bytes.Cut(rest, []byte("\n"))
		if len(bytes.TrimRight(line, "\r")) == 0 {
			maskBody(next)
			break
		}
		if line[0] != ' ' && line[0] != '\t' { // no fold: another header field
			name, _, _ := bytes.Cut(line, []byte(":"))
			secret = secretOf(string(bytes.ToLower(bytes.TrimSpace(name))))
		}
		if secret != "" {
			maskParam(line, secret)
		}
		rest = next
	}
	return b
}

// secretOf is the parameter of a header field that is not shown.
func secretOf(header string) string {
	switch header {
	case "authorization", "proxy-authorization":
		return "response"
	case "authentication-info", "proxy-authentication-info":
		return "rspauth"
	}
	return ""
}

// maskParam overwrites the value of a parameter wherever it stands in line,
// quoted or not.
func maskParam(line []byte, name string) {
	for low := bytes.ToLower(line); ; {
		i := bytes.LastIndex(low, []byte(name))
		if i < 0 {
			return
		}
		low = low[:i]
		j := i + len(name)
		for j < len(line) && (line[j] == ' ' || line[j] == '\t') {
			j++
		}
		if j == len(line) || line[j] != '=' {
			continue
		}
		for j++; j < len(line) && bytes.IndexByte([]byte(" \t\""), line[j]) >= 0; j++ {
		}
		for ; j < len(line) && bytes.IndexByte([]byte("\",\r \t"), line[j]) < 0; j++ {
			line[j] = '*'
		}
	}
}

// maskBody masks the lines of a description, also within a multipart body.
func maskBody(body []byte) {
	for len(body) > 0 {
		n := bytes.IndexAny(body, "\r\n")
		if n < 0 {
			n = len(body)
		}
		if line := body[:n]; len(line) > 6 && bytes.EqualFold(line[:6], []byte("a=fmtp")) {
			maskOpaque(line[6:])
		}
		body = body[min(n+1, len(body)):]
	}
}

// maskOpaque overwrites all that follows opr: in a line, blanks excepted, until another
// kind of source is named.
func maskOpaque(line []byte) {
	opaque := false
	for len(line) > 0 {
		n := bytes.IndexAny(line, " \t")
		if n < 0 {
			n = len(line)
		}
		field := line[:n]
		kind, value, named := bytes.Cut(field, []byte(":"))
		switch {
		case named && bytes.EqualFold(kind, []byte("opr")):
			opaque, field = true, value
		case named && (bytes.EqualFold(kind, []byte("uri")) || bytes.EqualFold(kind, []byte("spr"))):
			opaque = false
		}
		for i := range field {
			if opaque {
				field[i] = '*'
			}
		}
		line = line[min(n+1, len(line)):]
	}
}
