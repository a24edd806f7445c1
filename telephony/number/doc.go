// Package number reads telephone numbers: in tel: and sip: URIs, and as people
// dial them at a site, into E.164; and it says what kind of destination a number
// is.
//
// It owns no state but tables made from the metadata of
// github.com/nyaruka/phonenumbers. It knows neither users nor trunks: whether a
// short number is an extension is for the directory to say, which must be asked
// first.
package number
