package operation

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tandem/cmd/tandem/api/problem"
)

// plain turns huma's own errors into ours: every failure of the API has a code
// and, where there is one, a remedy.
func plain(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := problem.New(m.Status, "request_invalid", m.Detail)
	switch m.Status {
	case http.StatusRequestEntityTooLarge:
		p.Code = "body_too_large"
		p.Fix("send less at once")
	case http.StatusRequestTimeout:
		p.Code = "body_too_slow"
	case http.StatusUnsupportedMediaType:
		p.Code = "media_type_unknown"
		p.Fix("send application/json")
	case http.StatusInternalServerError:
		p.Code = "internal"
	default:
		p.Fix("the operation is described in /api/v1/openapi.yaml")
	}
	for _, e := range m.Errors {
		if e != nil {
			p.Faults = append(p.Faults, problem.Fault{Where: e.Location, What: e.Message})
		}
	}
	return p, nil
}
