// Package telemetry writes logs and metrics that hold no address, no secret and nobody's name.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"time"
)

// The fields that a log line may have. Whatever is not here is dropped, so a careless line leaks nothing.
// Fields of free text are masked; the others hold ids, codes and figures, and lose an address too.
var permitted = map[string]bool{ // to whether it is free text
	slog.TimeKey:    false,
	slog.LevelKey:   false,
	slog.MessageKey: true,
	"error":         true,
	"panic":         true,
	"stack":         false,

	"attempts":       false,
	"bytes":          false,
	"channel":        false,
	"code":           false,
	"cold_start":     false,
	"count":          false,
	"duration_ms":    false,
	"failed":         false,
	"function":       false,
	"invitation_id":  false,
	"kind":           false,
	"member_id":      false,
	"message_id":     false,
	"organization":   false,
	"provider_code":  false,
	"request_id":     false,
	"retry_after_ms": false,
	"route":          false,
	"shard":          false,
	"status":         false,
}

// NewLogger makes a logger that writes JSON lines with the permitted fields only. Groups are dropped whole.
// Values other than text, figures, times and errors are dropped too: nobody knows what they print.
func NewLogger(w io.Writer, function string) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: clean})
	return slog.New(ungrouped{h}).With("function", function)
}

// ungrouped makes what is logged below WithGroup vanish before a group is opened.
type ungrouped struct{ *slog.JSONHandler }

func (h ungrouped) WithAttrs(attrs []slog.Attr) slog.Handler {
	return ungrouped{h.JSONHandler.WithAttrs(attrs).(*slog.JSONHandler)}
}

func (h ungrouped) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return muted{h}
}

// muted writes lines, but takes no more fields.
type muted struct{ ungrouped }

func (h muted) Handle(ctx context.Context, r slog.Record) error {
	return h.JSONHandler.Handle(ctx, slog.NewRecord(r.Time, r.Level, r.Message, r.PC))
}

func (h muted) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h muted) WithGroup(string) slog.Handler      { return h }

func clean(groups []string, a slog.Attr) slog.Attr {
	freeText, ok := permitted[a.Key]
	if !ok || len(groups) > 0 {
		return slog.Attr{}
	}
	switch a.Value.Kind() {
	case slog.KindBool, slog.KindInt64, slog.KindUint64, slog.KindFloat64, slog.KindTime:
		return a
	case slog.KindDuration:
		return slog.Int64(a.Key, a.Value.Duration().Milliseconds())
	case slog.KindString:
		return slog.String(a.Key, cleanText(a.Value.String(), freeText))
	}
	switch v := a.Value.Any().(type) {
	case slog.Level:
		return slog.String(a.Key, v.String())
	case error:
		return slog.String(a.Key, cleanText(v.Error(), freeText))
	}
	return slog.Attr{}
}

func cleanText(s string, free bool) string {
	if free {
		return Mask(s)
	}
	return maskAddresses(s)
}

// Milliseconds is d as logs and metrics show it, to the microsecond.
func Milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
