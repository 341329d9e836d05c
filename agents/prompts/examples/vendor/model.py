# state: state, IDLE after reset
# at each clock edge: the next state by case of state
# outputs: decoded from state
IDLE, PAID, SERVE, REFUND = 0, 1, 2, 3


class Model:
    def reset(self):
        self.state = IDLE

    def outputs(self, i):
        serve = int(self.state == SERVE)
        refund = int(self.state == REFUND)
        return {"serve": serve, "refund": refund, "state": self.state}

    def tick(self, i):
        if self.state == IDLE:
            if i.coin:
                self.state = PAID
        elif self.state == PAID:
            if i.cancel:
                self.state = REFUND
            elif i.coin:
                self.state = SERVE
        else:
            self.state = IDLE
