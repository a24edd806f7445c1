// Package secret derives the secrets of phones from the key of the data folder.
// A provisioning file needs the plain secret of a line, while the directory
// keeps hashes only; a derived one is made again whenever it is asked for and is
// stored nowhere. A new generation makes other secrets.
//
// It does not decide who gets one.
package secret

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strconv"

	"tandem/rtc"
	"tandem/sipphone"
)

// Keeper derives secrets. It is safe for concurrent use.
type Keeper struct{ key []byte }

// New makes a Keeper of the 32 octets of the key file.
func New(key []byte) (*Keeper, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("secrets of phones: the key has %d octets instead of 32", len(key))
	}
	derived, err := hkdf.Key(sha256.New, key, nil, "tandem phones", 32)
	return &Keeper{derived}, err
}

// letters are those of generated passwords as far as 32 are needed: lower case
// and digits, which any phone takes.
var letters = base32.NewEncoding("abcdefghijkmnopqrstuvwxyz2345679").WithPadding(base32.NoPadding)

// derive makes 26 letters, 128 bits: short enough for phones that hold 31.
func (k *Keeper) derive(what string, mac sipphone.MAC, generation int, who string) string {
	h := hmac.New(sha256.New, k.key)
	for _, part := range []string{what, string(mac), strconv.Itoa(generation), who} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return letters.EncodeToString(h.Sum(nil)[:16])
}

// Line is the digest secret by which a line of a phone, counted from 1,
// registers as user.
func (k *Keeper) Line(mac sipphone.MAC, line, generation int, user rtc.AOR) string {
	return k.derive("line "+strconv.Itoa(line), mac, generation, string(user))
}

// Files is the password with which a phone asks for its files.
func (k *Keeper) Files(mac sipphone.MAC, generation int) string {
	return k.derive("files", mac, generation, "")
}

// Book is what stands in the URL of a phone's phonebook: whoever knows it may read that,
// and nothing else.
func (k *Keeper) Book(mac sipphone.MAC, generation int) string {
	return k.derive("book", mac, generation, "")
}

// PIN is what a user dials to log in at any phone: six digits, which are short for a
// secret, so that whoever takes them has to count wrong ones.
func (k *Keeper) PIN(user rtc.AOR, generation int) string {
	h := hmac.New(sha256.New, k.key)
	fmt.Fprintf(h, "pin\x00%s\x00%d", user, generation)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(h.Sum(nil))%1_000_000)
}

// Opens reports whether password is that of Files, in constant time.
func (k *Keeper) Opens(mac sipphone.MAC, generation int, password string) bool {
	return same(k.Files(mac, generation), password)
}

// OpensBook reports whether word is that of Book, in constant time.
func (k *Keeper) OpensBook(mac sipphone.MAC, generation int, word string) bool {
	return same(k.Book(mac, generation), word)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
