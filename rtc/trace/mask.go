package trace

import "bytes"

// mask overwrites what a digest proves knowledge of the password with, so that
// who reads a trace cannot try passwords against it: response in credentials and
// rspauth in Authentication-Info (RFC 7616 §3.4, §3.5). The rest stays, to see why
// credentials were refused. It changes b and returns it.
func mask(b []byte) []byte {
	secret := ""
	for rest := b; len(rest) > 0; {
		line, next, _ := bytes.Cut(rest, []byte("\n"))
		if len(bytes.TrimRight(line, "\r")) == 0 {
			break // the body
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
