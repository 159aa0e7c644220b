package main

import "context"

// countedRows counts what each job asks of DynamoDB.
func countedRows(ctx context.Context, _ *lab, s *site) ([]row, error) {
	var rows []row
	for _, one := range []struct {
		job
		bound *bound
	}{
		{inviteJob, exactly("calls", 3)},
		{inviteThousandJob, nil},
		{inviteTextJob, exactly("calls", 8)},
		{acceptJob, exactly("calls", 2)},
		{declineJob, exactly("calls", 2)},
		{resendJob, nil},
		{revokeJob, nil},
		{signInJob, nil},
		{whoAmIJob, exactly("calls", 1)},
		{listInvitationsJob, atMost("calls", 2)},
		{listMembersJob, atMost("calls", 2)},
		{joinJob, exactly("calls", 5)},
		{verifyJob, exactly("calls", 6)},
		{approveJob, exactly("calls", 3)},
		{addJob, exactly("calls", 4)},
		{copyLinkJob, exactly("calls", 2)},
		{deliverJob, nil},
	} {
		n, err := s.count(ctx, one.job)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{Name: "count " + one.name, Bound: one.bound, Figures: []figure{
			{"calls", float64(n.calls), ""}, {"write units", n.writes, ""}, {"read units", n.reads, ""},
		}})
	}
	return rows, nil
}

// count does a job once. The events, and what they need in the table, are not counted.
func (s *site) count(ctx context.Context, j job) (counts, error) {
	events, err := j.events(ctx, s, 1)
	if err != nil {
		return counts{}, err
	}
	c := &counter{db: s.db, schema: s.schema}
	handler, err := s.handler(j.function, s.watched("count", c.intercept))
	if err != nil {
		return counts{}, err
	}
	err = j.invoke(ctx, handler, events[0])
	return c.n, err
}
