// Package workpoint reads and writes the messages by which Unify's (before, Siemens')
// telephones are set up: XML in HTTPS, the other way round than files. The phone posts
// why it comes and what it is; the answer is an action for it, as to write items; so it
// goes on until the answer is that nothing is left to do.
//
// It knows the grammar alone. Who gets which items is others' matter.
package workpoint

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"tandem/rtc/strictxml"
	"tandem/sipphone"
)

// Path is where phones post their messages.
const Path = "DeploymentService/LoginService"

// MaxMessage is how many octets a message has at most. One with all items of a phone
// has some 200 KB.
const MaxMessage = 512 << 10

// maxNonce is the length of the text by which a phone knows the answer to its message.
const maxNonce = 128

// Message is what a phone posts.
type Message struct {
	Nonce  string
	Reason string            // start-up, solicited, local-changes, reply-to, status, clean-up ...
	Items  map[string]string // those without an index
}

// document is a message as it is written.
type document struct {
	Message struct {
		Nonce  string `xml:"nonce,attr"`
		Reason string `xml:"ReasonForContact"`
		Items  []struct {
			Name  string `xml:"name,attr"`
			Index string `xml:"index,attr"`
			Text  string `xml:",chardata"`
		} `xml:"ItemList>Item"`
	} `xml:"Message"`
}

// Read reads a message.
func Read(b []byte) (Message, error) {
	var d document
	if err := strictxml.Decode(b, &d); err != nil {
		return Message{}, err
	}
	m := Message{Nonce: d.Message.Nonce, Reason: strings.TrimSpace(d.Message.Reason), Items: make(map[string]string)}
	if m.Nonce == "" || len(m.Nonce) > maxNonce || strings.ContainsFunc(m.Nonce, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`<>&"'`, r) }) {
		return Message{}, errors.New("the message has no nonce, or one that cannot be written back")
	}
	for _, i := range d.Message.Items {
		if i.Index == "" {
			m.Items[i.Name] = strings.TrimSpace(i.Text)
		}
	}
	return m, nil
}

// MAC of the phone, "" when it does not say.
func (m Message) MAC() sipphone.MAC {
	mac, err := sipphone.ParseMAC(m.Items["mac-addr"])
	if err != nil {
		return ""
	}
	return mac
}

// Agent is what the phone says it is, as a User-Agent: model and firmware.
func (m Message) Agent() string {
	return m.Items["device-type"] + "/" + m.Items["software-version"]
}

// Comes reports whether the phone comes to be told something, not to answer.
func (m Message) Comes() bool {
	return m.Reason == "start-up" || m.Reason == "solicited" || m.Reason == "local-changes"
}

// WriteItems has the phone write a list of items.
func (m Message) WriteItems(list []byte) []byte { return m.answer("WriteItems", list) }

// CleanUp tells the phone that nothing is left to do.
func (m Message) CleanUp() []byte { return m.answer("CleanUp", nil) }

func (m Message) answer(action string, list []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>
<DLSMessage xmlns="http://www.siemens.com/DLS" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.siemens.com/DLS">
<Message nonce="%s">
<Action>%s</Action>
%s</Message>
</DLSMessage>
`, m.Nonce, action, list)
	return b.Bytes()
}
