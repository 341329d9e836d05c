# state: newest, older and count, all 0 after reset
# at each clock edge: if valid: older = newest, newest = x, count up to 2
# outputs: rising = two samples and newest > older; count
class Model:
    def reset(self):
        self.newest = 0
        self.older = 0
        self.count = 0

    def outputs(self, i):
        rising = int(self.count == 2 and self.newest > self.older)
        return {"rising": rising, "count": self.count}

    def tick(self, i):
        if i.valid:
            self.older = self.newest
            self.newest = i.x
            if self.count < 2:
                self.count += 1
