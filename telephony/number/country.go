package number

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// World is the countries and their numbers. Plans made of one share it.
type World struct {
	regions map[string]*region // by ISO 3166-1 code: "DE"
	codes   [1000][]*region    // by calling code, the main country first
}

// region is a country whose tables are made when it is first met.
type region struct {
	meta, short *phonenumbers.PhoneMetadata
	country     func() *country
}

func (r *region) codeOf() int { return int(r.meta.GetCountryCode()) }

// country is one country's numbers, in tables.
type country struct {
	home          *region
	code          []byte      // "49"
	national      []byte      // dialled before a national number: "0"
	prefix        *prefixRule // nil: that is all there is to it
	international *automaton  // what is dialled before a country's code
	abroad        string      // one of these, to write: "00"
	leading       *automaton  // first digits that are its own among the countries of its code; nil: none
	numbers       *automaton  // national numbers, by class
	short         *automaton  // numbers dialled as they are: emergency, information
}

// NewWorld reads what is known of the countries' numbers.
func NewWorld() (*World, error) {
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		return nil, fmt.Errorf("reading metadata of telephone numbers: %w", err)
	}
	short, err := phonenumbers.ShortNumberMetadataCollection()
	if err != nil {
		return nil, fmt.Errorf("reading metadata of short numbers: %w", err)
	}
	w := &World{regions: make(map[string]*region, len(all.Metadata))}
	for _, m := range all.Metadata {
		r := &region{meta: m}
		r.country = sync.OnceValue(func() *country { return newCountry(r) })
		code := r.codeOf()
		if m.GetMainCountryForCode() {
			w.codes[code] = slices.Insert(w.codes[code], 0, r)
		} else {
			w.codes[code] = append(w.codes[code], r)
		}
		if m.GetId() != "001" { // the codes of no country
			w.regions[m.GetId()] = r
		}
	}
	for _, m := range short.Metadata {
		if r := w.regions[m.GetId()]; r != nil {
			r.short = m
		}
	}
	return w, nil
}

// Known reports whether a country, by its code of ISO 3166-1, has numbers that are
// known.
func Known(country string) bool { return phonenumbers.GetSupportedRegions()[country] }

// split takes the calling code off E.164 digits. No code is the beginning of
// another.
func (w *World) split(digits []byte) (code int, rest []byte, ok bool) {
	for i, d := range digits[:min(3, len(digits))] {
		code = 10*code + int(d-'0')
		if len(w.codes[code]) > 0 {
			return code, digits[i+1:], true
		}
	}
	return 0, nil, false
}

// inUse reports whether a country of the code has the national number, in full.
func (w *World) inUse(code int, national []byte) bool {
	for _, r := range w.codes[code] {
		if r.country().numbers.matches(national) {
			return true
		}
	}
	return false
}

func newCountry(r *region) *country {
	m := r.meta
	c := &country{home: r, code: strconv.AppendInt(nil, int64(m.GetCountryCode()), 10), national: []byte(m.GetNationalPrefix()),
		international: must(patternsOf(ClassInternational, m.GetInternationalPrefix())),
		numbers: must(slices.Concat(
			describe(ClassPremium, m.PremiumRate, m.PersonalNumber, m.Pager),
			describe(ClassTollFree, m.TollFree),
			describe(ClassSharedCost, m.SharedCost, m.Uan),
			describe(ClassNational, m.FixedLine, m.Voip, m.Voicemail),
			describe(ClassMobile, m.Mobile))),
	}
	c.abroad = strings.ReplaceAll(m.GetPreferredInternationalPrefix(), "~", "") // '~' is a tone to wait for
	if c.abroad == "" {
		c.abroad = c.international.shortest()
	}
	if m.GetLeadingDigits() != "" {
		c.leading = must(patternsOf(ClassNational, m.GetLeadingDigits()))
	}
	if text := m.GetNationalPrefixForParsing(); text != m.GetNationalPrefix() {
		var err error
		if c.prefix, err = newPrefixRule(text, m.GetNationalPrefixTransformRule()); err != nil {
			panic(err) // a test makes all of them
		}
	}
	if s := r.short; s != nil {
		c.short = must(slices.Concat(
			describe(ClassEmergency, s.Emergency),
			describe(ClassPremium, s.PremiumRate),
			describe(ClassTollFree, s.TollFree),
			describe(ClassNational, s.StandardRate),
			describe(listed, s.ShortCode)))
	} else {
		c.short = must(patternsOf(ClassEmergency, "112|911"))
	}
	return c
}

// describe are the patterns of a class. "NA" stands for none.
func describe(class Class, list ...*phonenumbers.PhoneNumberDesc) []pattern {
	var patterns []pattern
	for _, d := range list {
		if text := d.GetNationalNumberPattern(); text != "NA" {
			patterns = append(patterns, patternsOf(class, text)...)
		}
	}
	return patterns
}

func patternsOf(class Class, text string) []pattern {
	if text == "" {
		return nil
	}
	return []pattern{{class, text}}
}

// must is for patterns of the metadata, all of which a test compiles.
func must(patterns []pattern) *automaton {
	a, err := compile(patterns)
	if err != nil {
		panic(err)
	}
	return a
}
